import { mkdtempDisposable, readdir, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { dataFolderAt, makeDataFolder, readJson, writeJson } from './data-folder.ts';

test('a written file is read back, is for its owner only, and leaves nothing beside it', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'errand-local-'));
  const path = join(dir.path, 'facts.json');
  await writeJson(path, { first: true });
  await writeJson(path, { second: true });
  expect(await readJson(path)).toEqual({ second: true });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(dir.path)).toEqual(['facts.json']);
});

test('a missing file is undefined, and one that is not JSON is named', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'errand-local-'));
  const path = join(dir.path, 'facts.json');
  expect(await readJson(path)).toBeUndefined();
  await writeFile(path, '{');
  await expect(readJson(path)).rejects.toThrow(path);
});

test('other users may pass through the data folder but not list it', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'errand-local-'));
  const folder = dataFolderAt(join(dir.path, 'data'));
  await makeDataFolder(folder);
  await makeDataFolder(folder);
  expect((await stat(folder.path)).mode & 0o777).toBe(0o711);
});
