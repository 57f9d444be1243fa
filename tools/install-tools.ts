import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Installs third-party tools of a test into their folder, if they are missing or do not match their lock. Resolves to
 * why there are none, if no registry answers.
 * @throws if the install fails
 */
export async function installTools(folder: string): Promise<string | undefined> {
  const lock = await readFile(join(folder, 'package-lock.json'), 'utf8');
  /** A copy of the lock that was installed. */
  const stamp = join(folder, 'node_modules', '.errand-installed');
  if ((await readFile(stamp, 'utf8').catch(() => undefined)) === lock) return undefined;
  const ping = await run('npm', ['ping', '--silent', '--fetch-retries=1', '--fetch-timeout=15000']);
  if (ping !== 0) return 'they come from a package registry, and npm ping got no answer';
  const code = await run('npm', ['ci', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund']);
  if (code !== 0) throw new Error(`npm ci in ${folder} ended with ${code}`);
  await writeFile(stamp, lock);
  return undefined;
}

/** Runs a program whose output is this one's; resolves to its exit code. */
export async function run(file: string, args: readonly string[], env = process.env): Promise<number> {
  const [code] = (await once(spawn(file, args, { stdio: 'inherit', env }), 'exit')) as [number | null];
  return code ?? 1;
}
