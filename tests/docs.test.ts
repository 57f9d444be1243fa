import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const PAGES = ['*.md', 'docs/*.md', 'services/*.md'].flatMap((pattern) => globSync(pattern, { cwd: ROOT }));
const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};

/** The scripts of `npm run … -w @errand/client`. */
const CLIENT_SCRIPTS = ['build', 'size'];

/** Without its code blocks, which other tests run. */
const textOf = (page: string) => readFileSync(join(ROOT, page), 'utf8').replaceAll(/^```.*?^```$/gms, '');

test.each(PAGES)('%s links to existing targets', (page) => {
  const links = [...textOf(page).matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(([, link = '']) => link);
  const own = links.filter((link) => !/^[a-z]+:/.test(link));
  expect(own.filter((link) => !existsSync(join(ROOT, dirname(page), link)))).toEqual([]);
});

test.each(PAGES)('the files and scripts that %s names exist', (page) => {
  const text = textOf(page);
  const files = [...text.matchAll(/`((?:deploy|libs|services|examples)\/[\w./-]+)`/g)].map(
    ([, file = '']) => file,
  );
  // Built files do not exist before the build.
  const kept = files.filter((file) => !file.includes('/dist'));
  expect(kept.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  const names = [...text.matchAll(/\bnpm run\s+([a-z][\w:-]*)/g)].map(([, name = '']) => name);
  expect(names.filter((name) => !(name in scripts) && !CLIENT_SCRIPTS.includes(name))).toEqual([]);
});
