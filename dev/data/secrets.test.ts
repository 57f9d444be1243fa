import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeJson } from './data-folder.ts';
import { loadSecrets } from './secrets.ts';

test('secrets are made once, and the sealing key has 32 bytes', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'errand-local-'));
  const path = join(dir.path, 'secrets.json');
  const made = await loadSecrets(path);
  expect(Buffer.from(made.secret_key, 'base64')).toHaveLength(32);
  expect(await loadSecrets(path)).toEqual(made);
  const { admin_key, secret_key } = made;
  await writeJson(path, { admin_key, secret_key });
  const completed = await loadSecrets(path);
  expect(completed).toMatchObject({
    admin_key,
    secret_key,
    postgres_password: expect.stringMatching(/^.{43}$/),
  });
  expect(await loadSecrets(path)).toEqual(completed);
});
