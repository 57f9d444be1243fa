import { join } from 'node:path';
import { installTools, run } from '../../tools/install-tools.ts';
import { TOOLS } from './tools.ts';

/*
 * Installs Errand as a team outside this repository does, from a package registry of its own: `npm run test:adopt`.
 * `-- --short` tries one package manager on one version of Node. It needs a package registry for everything else; if none
 * answers, it says so and runs nothing.
 *
 * | exit code | meaning |
 * |---|---|
 * | 0 | all passed, or skipped because no registry answers |
 * | 1 | something failed, or nothing ran |
 */
async function main(): Promise<number> {
  const missing = await installTools(TOOLS);
  if (missing !== undefined) {
    console.log(`SKIPPED: the test of the packages needs tools: ${missing}`);
    return 0;
  }
  const env = process.argv.includes('--short') ? { ...process.env, ERRAND_ADOPT_SHORT: 'true' } : process.env;
  return run(process.execPath, [join(import.meta.dirname, '..', '..', 'tools', 'test.ts'), 'adopt'], env);
}

process.exitCode = await main();
