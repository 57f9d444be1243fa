/*
 * `npm run packages` builds all published packages into `dist`; with names, only those.
 */
import { buildPackage } from './build-package.ts';
import { PACKAGES, type PackageName } from './package-list.ts';

const names = process.argv.slice(2);
const unknown = names.find((name) => !(name in PACKAGES));
if (unknown !== undefined) {
  console.error(`there is no package ${unknown}; there are ${Object.keys(PACKAGES).join(', ')}`);
  process.exit(2);
}
for (const name of (names.length > 0 ? names : Object.keys(PACKAGES)) as PackageName[]) {
  const startMs = performance.now();
  const folder = await buildPackage(name);
  console.log(`${name} → ${folder} in ${((performance.now() - startMs) / 1_000).toFixed(1)} s`);
}
