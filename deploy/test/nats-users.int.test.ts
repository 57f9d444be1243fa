import { execFile } from 'node:child_process';
import { copyFile, mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { NATS_ROLES } from '@errand/contracts';
import { findNatsServer } from '@errand/local-servers';
import { expect, test } from 'vitest';

test('nats-server takes deploy/nats/users.conf, with the passwords of its environment', async () => {
  const { path } = await findNatsServer();
  await using dir = await mkdtempDisposable(join(tmpdir(), 'errand-users-'));
  const file = join(dir.path, 'nats.conf');
  await writeFile(file, 'include "users.conf"\n');
  await copyFile(join(import.meta.dirname, '..', 'nats', 'users.conf'), join(dir.path, 'users.conf'));
  const passwords = NATS_ROLES.map((role) => [`NATS_${role.toUpperCase()}_PASSWORD`, `p-${role}`]);
  const check = (env: Record<string, string>) => promisify(execFile)(path, ['-t', '-c', file], { env });
  expect((await check(Object.fromEntries(passwords))).stderr).toContain('is valid');
  await expect(check({})).rejects.toThrow(/NATS_PROVISION_PASSWORD/);
});
