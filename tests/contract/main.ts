import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TOOLS } from './tools.ts';

/*
 * Proves /openapi.json, and the client, with third-party tools: `npm run test:contract`. Installs the tools if they are
 * missing or do not match their lock; if no registry answers, it says so and runs nothing.
 *
 * | exit code | meaning |
 * |---|---|
 * | 0 | all passed, or skipped because no registry answers |
 * | 1 | something failed, or nothing ran |
 */
async function main(): Promise<number> {
  if (!(await areInstalled())) {
    const reason = await whyNoRegistry();
    if (reason !== undefined) {
      console.log(`SKIPPED: the contract tests need tools from a package registry: ${reason}`);
      return 0;
    }
    const installed = await run('npm', [
      'ci',
      '--prefix',
      TOOLS,
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
    ]);
    if (installed !== 0) return 1;
    await writeFile(STAMP, await lock());
  }
  const test = (project: string) =>
    run(process.execPath, [join(import.meta.dirname, '..', '..', 'tools', 'test.ts'), project]);
  const codes = [await test('validated'), await test('contract')];
  return Math.max(...codes);
}

/** A copy of the lock that was installed. */
const STAMP = join(TOOLS, 'node_modules', '.errand-installed');

function lock(): Promise<string> {
  return readFile(join(TOOLS, 'package-lock.json'), 'utf8');
}

async function areInstalled(): Promise<boolean> {
  return (await readFile(STAMP, 'utf8').catch(() => undefined)) === (await lock());
}

async function whyNoRegistry(): Promise<string | undefined> {
  const code = await run('npm', ['ping', '--silent', '--fetch-retries=1', '--fetch-timeout=15000']);
  return code === 0 ? undefined : 'npm ping got no answer';
}

async function run(file: string, args: readonly string[]): Promise<number> {
  const [code] = (await once(spawn(file, args, { stdio: 'inherit' }), 'exit')) as [number | null];
  return code ?? 1;
}

process.exitCode = await main();
