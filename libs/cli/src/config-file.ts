import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { CannotRun, reasonOf } from './gateway.ts';
import type { SettingName } from './settings.ts';

/** The file in which a person keeps settings, by profile. */
export interface ConfigFile {
  readonly path: string;
  readonly content: ConfigContent;
}

export interface ConfigContent {
  /** The profile that is used unless told. */
  readonly current: string;
  readonly profiles: Readonly<Record<string, Readonly<Partial<Record<SettingName, string>>>>>;
}

type Env = Readonly<Record<string, string | undefined>>;

/** By the XDG Base Directory Specification: a relative XDG_CONFIG_HOME does not count. */
export function configPath(env: Env): string {
  const { XDG_CONFIG_HOME: xdg = '' } = env;
  const home = xdg.startsWith('/') ? xdg : join(env.HOME || homedir(), '.config');
  return join(home, 'errand', 'config.json');
}

/** An empty one where there is no file. @throws CannotRun where it is not such a file */
export async function readConfigFile(env: Env): Promise<ConfigFile> {
  const path = configPath(env);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new CannotRun(`${path} cannot be read: ${reasonOf(error)}`);
    }
    return { path, content: { current: 'default', profiles: {} } };
  }
  try {
    const { current = 'default', profiles = {} } = JSON.parse(text) as Partial<ConfigContent>;
    if (typeof current !== 'string' || typeof profiles !== 'object') throw new TypeError('other members');
    return { path, content: { current, profiles } };
  } catch {
    throw new CannotRun(`${path} is no file of settings; mend it or delete it`);
  }
}

/** In one step, readable by its owner only. */
export async function writeConfigFile({ path, content }: ConfigFile): Promise<void> {
  const fresh = `${path}.${randomUUID()}`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(fresh, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
    await rename(fresh, path);
  } catch (error) {
    throw new CannotRun(`${path} cannot be written: ${reasonOf(error)}`);
  } finally {
    await rm(fresh, { force: true });
  }
}
