import { join } from 'node:path';
import { installTools, run } from '../install-tools.ts';
import { writeReference } from './reference.ts';

/*
 * The docs as a site. `npm run docs` shows it on this machine and follows its files; `npm run docs -- build` makes it in
 * dist/docs. Installs VitePress first, if it is missing.
 */
const folder = join(import.meta.dirname, '..', 'docs-tools');
const missing = await installTools(folder);
if (missing !== undefined) {
  console.log(`SKIPPED: the site needs VitePress: ${missing}`);
} else {
  const root = join(folder, '..', '..');
  await writeReference(join(root, 'dist', 'docs-public'));
  const vitepress = join(folder, 'node_modules', 'vitepress', 'bin', 'vitepress.js');
  const [command = 'dev', ...more] = process.argv.slice(2);
  process.exitCode = await run(process.execPath, [vitepress, command, join(root, 'docs'), ...more]);
}
