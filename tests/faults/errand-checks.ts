import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Violation } from './promise-check.ts';

const COMMAND = fileURLToPath(new URL('../../libs/cli/src/main.ts', import.meta.url));
const LIMIT_MS = 120_000;
const run = promisify(execFile);

/** What operators would run after such a day: `errand verify`, and an export of the audit log with its check. */
export async function runErrandChecks(system: {
  url: string;
  adminKey: string;
  dir: string;
  say: (line: string) => void;
}): Promise<Violation[]> {
  const env = { PATH: process.env.PATH, ERRAND_URL: system.url, ERRAND_ADMIN_KEY: system.adminKey };
  const file = join(system.dir, 'audit.ndjson');
  const violations: Violation[] = [];
  for (const args of [['verify'], ['audit', 'export', '--out', file], ['audit', 'check', file]]) {
    const command = `errand ${args.slice(0, 2).join(' ')}`;
    try {
      const { stdout } = await run(process.execPath, [COMMAND, ...args], { env, timeout: LIMIT_MS });
      if (stdout !== '') system.say(`${command}: ${stdout.split('\n', 1)[0]}`);
    } catch (error) {
      const { code, stdout, stderr } = error as { code?: unknown; stdout?: string; stderr?: string };
      const detail = `${command} ended with ${code}: ${stdout}${stderr}`;
      violations.push({ kind: 'errand_check', detail });
    }
  }
  return violations;
}
