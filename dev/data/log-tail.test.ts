import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { logTail } from './log-tail.ts';

test('the last lines of a long log are shown, indented', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'errand-log-'));
  const path = join(dir.path, 'x.log');
  await writeFile(path, Array.from({ length: 10_000 }, (_, index) => `line ${index}\n`).join(''));
  expect(await logTail(path, 2)).toBe('    line 9998\n    line 9999');
});

test('a missing log has no lines', async () => {
  expect(await logTail('/nonexistent/x.log')).toBe('');
});
