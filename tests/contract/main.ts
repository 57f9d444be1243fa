import { join } from 'node:path';
import { installTools, run } from '../../tools/install-tools.ts';
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
  const missing = await installTools(TOOLS);
  if (missing !== undefined) {
    console.log(`SKIPPED: the contract tests need tools: ${missing}`);
    return 0;
  }
  const test = (project: string) =>
    run(process.execPath, [join(import.meta.dirname, '..', '..', 'tools', 'test.ts'), project]);
  const codes = [await test('validated'), await test('contract')];
  return Math.max(...codes);
}

process.exitCode = await main();
