import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadSecrets } from './secrets.ts';

test('secrets are made once, and the sealing key has 32 bytes', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'errand-local-'));
  const path = join(dir.path, 'secrets.json');
  const made = await loadSecrets(path);
  expect(Buffer.from(made.secret_key, 'base64')).toHaveLength(32);
  expect(await loadSecrets(path)).toEqual(made);
});
