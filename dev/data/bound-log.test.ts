import { mkdtempDisposable, open, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { boundLog } from './bound-log.ts';

test('a log that is too large is begun again, under its writer, and kept once more', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'errand-log-'));
  const path = join(dir.path, 'x.log');
  await using writer = await open(path, 'a', 0o600);
  await writer.write('first\n');
  await boundLog(path, 6);
  expect(await readdir(dir.path)).toEqual(['x.log']);
  await writer.write('second\n');
  await boundLog(path, 6);
  await writer.write('third\n');
  expect(await readFile(path, 'utf8')).toBe('third\n');
  expect(await readFile(`${path}.1`, 'utf8')).toBe('first\nsecond\n');
  await writer.write('fourth\n');
  await boundLog(path, 6);
  expect(await readFile(`${path}.1`, 'utf8')).toBe('third\nfourth\n');
});

test('a log that is not there yet is none', async () => {
  await expect(boundLog('/nonexistent/x.log', 6)).resolves.toBeUndefined();
});
