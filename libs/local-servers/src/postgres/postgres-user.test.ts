import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { unreachableFolder } from './postgres-user.ts';

const stranger = { uid: 65_533, gid: 65_533 };
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'errand-user-'));
  await mkdir(join(root, 'outer', 'inner'), { recursive: true });
  await chmod(root, 0o755);
});

afterEach(() => rm(root, { recursive: true }));

test('a folder is reachable when every folder on the way lets others in', async () => {
  expect(await unreachableFolder(join(root, 'outer', 'inner', 'not-made-yet'), stranger)).toBeUndefined();
});

test('the outermost folder in the way is named', async () => {
  await chmod(join(root, 'outer'), 0o700);
  await chmod(join(root, 'outer', 'inner'), 0o700);
  expect(await unreachableFolder(join(root, 'outer', 'inner'), stranger)).toBe(join(root, 'outer'));
});

test('its owner may enter a folder that is closed to others', async () => {
  await chmod(join(root, 'outer'), 0o700);
  const owner = { uid: process.getuid?.() ?? -1, gid: -1 };
  expect(await unreachableFolder(join(root, 'outer'), owner)).toBeUndefined();
});
