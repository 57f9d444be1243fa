import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { integer, secret } from '@errand/runtime';
import { expect, test } from 'vitest';
import { settingsPage } from './settings.ts';

test('docs/settings.md is what `node tools/settings.ts` prints', async () => {
  const page = await readFile(join(import.meta.dirname, '..', 'docs', 'settings.md'), 'utf8');
  expect(page).toBe(settingsPage());
});

test('a setting shared by several services is one row, and a secret is marked', () => {
  const key = secret({ env: 'B_KEY', description: 'A key | two' });
  const size = integer({ env: 'A_SIZE', description: 'A size', unit: 'bytes', default: 5, min: 1, max: 9 });
  const rows = settingsPage({ one: { key, size }, two: { size } })
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  expect(rows).toEqual([
    '| `A_SIZE` | one, two | `5` | bytes | A size |',
    '| `B_KEY` | one | none |  | A key \\| two (secret; `B_KEY_FILE` may name a file with it) |',
  ]);
});
