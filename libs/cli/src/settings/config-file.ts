import { mkdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { causeOf } from '@errand/client/for-command';
import { z } from 'zod';
import { CannotRun } from '../cannot-run.ts';
import { writeWhole } from '../output/write-whole.ts';

/** The file in which a person keeps settings, by profile. */
export interface ConfigFile {
  readonly path: string;
  readonly content: ConfigContent;
}

/** Settings by their names. A later version may have more of them. */
export type Profile = Readonly<Record<string, string>>;

const ConfigContent = z.object({
  /** The profile that is used by default. */
  current: z.string().default('default'),
  profiles: z.record(z.string(), z.record(z.string(), z.string())).default({}),
});
type ConfigContent = z.infer<typeof ConfigContent>;

type Env = Readonly<Record<string, string | undefined>>;

/** Follows the XDG Base Directory Specification: a relative XDG_CONFIG_HOME is ignored. */
export function configPath(env: Env): string {
  const { XDG_CONFIG_HOME: xdg = '' } = env;
  const home = xdg.startsWith('/') ? xdg : join(env.HOME || homedir(), '.config');
  return join(home, 'errand', 'config.json');
}

/** An empty one if there is no file. @throws CannotRun if the file is not a config file */
export async function readConfigFile(env: Env): Promise<ConfigFile> {
  const path = configPath(env);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new CannotRun(`${path} cannot be read: ${causeOf(error)}`);
    }
    return { path, content: ConfigContent.parse({}) };
  }
  return { path, content: readContent(path, text) };
}

function readContent(path: string, text: string): ConfigContent {
  try {
    return ConfigContent.parse(JSON.parse(text));
  } catch (error) {
    const place = error instanceof z.ZodError ? error.issues[0]?.path.join('.') : undefined;
    throw new CannotRun(`${path} is not a settings file${place ? ` (see ${place})` : ''}; fix or delete it`);
  }
}

export function profileOf({ profiles }: ConfigContent, name: string): Profile | undefined {
  return Object.hasOwn(profiles, name) ? profiles[name] : undefined;
}

/** In one step, readable by its owner only. */
export async function writeConfigFile({ path, content }: ConfigFile): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeWhole(path, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  } catch (error) {
    throw new CannotRun(`${path} cannot be written: ${causeOf(error)}`);
  }
}
