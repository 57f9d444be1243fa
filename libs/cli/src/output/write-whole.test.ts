import { mkdtempDisposable, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeWhole } from './write-whole.ts';

const folder = () => mkdtempDisposable(join(tmpdir(), 'errand-whole-'));

test('an interrupted write leaves the file as it was, and nothing beside it', async () => {
  await using dir = await folder();
  const path = join(dir.path, 'file');
  await writeFile(path, 'intact');
  async function* broken() {
    yield 'half';
    expect(await readFile(path, 'utf8')).toBe('intact');
    throw new Error('cut');
  }
  await expect(writeWhole(path, broken())).rejects.toThrow('cut');
  expect([await readFile(path, 'utf8'), await readdir(dir.path)]).toEqual(['intact', ['file']]);
});

test('a file keeps its mode, and a link keeps its target', async () => {
  await using dir = await folder();
  const [path, link] = [join(dir.path, 'file'), join(dir.path, 'link')];
  await writeFile(path, 'old', { mode: 0o600 });
  await symlink('file', link);
  await writeWhole(link, 'new');
  expect([await readFile(path, 'utf8'), (await stat(path)).mode & 0o777]).toEqual(['new', 0o600]);
  expect(await readdir(dir.path)).toEqual(['file', 'link']);
});

test('anything that is not a plain file is written to, not replaced', async () => {
  await writeWhole('/dev/null', 'gone');
  expect((await stat('/dev/null')).isCharacterDevice()).toBe(true);
});
