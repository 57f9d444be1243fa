import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtempDisposable, readFile, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { NATS_ROLES } from '@errand/contracts';
import { findNatsServer } from '@errand/local-servers';
import { expect, test } from 'vitest';

const DEPLOY = join(import.meta.dirname, '..');

test('nats-server takes the configuration of docker-compose.yml, with the passwords that were made', async () => {
  const { path } = await findNatsServer();
  await using dir = await mkdtempDisposable(join(tmpdir(), 'errand-compose-'));
  await mkdir(join(dir.path, 'made'));
  const owner = String(process.getuid?.());
  const made = join(dir.path, 'made');
  await promisify(execFile)('sh', [
    join(DEPLOY, 'make-keys.sh'),
    made,
    owner,
    join(DEPLOY, 'nats', 'users.conf'),
  ]);
  const single = await readFile(join(DEPLOY, 'nats', 'single.conf'), 'utf8');
  const file = join(dir.path, 'single.conf');
  await writeFile(file, single.replace('/data', dir.path));
  await rename(join(made, 'nats'), join(dir.path, 'keys'));
  expect((await promisify(execFile)(path, ['-t', '-c', file])).stderr).toContain('is valid');
});

test('nats-server takes deploy/nats/users.conf, with the passwords of its environment', async () => {
  const { path } = await findNatsServer();
  await using dir = await mkdtempDisposable(join(tmpdir(), 'errand-users-'));
  const file = join(dir.path, 'nats.conf');
  await writeFile(file, 'include "users.conf"\n');
  await copyFile(join(DEPLOY, 'nats', 'users.conf'), join(dir.path, 'users.conf'));
  const passwords = NATS_ROLES.map((role) => [`NATS_${role.toUpperCase()}_PASSWORD`, `p-${role}`]);
  const check = (env: Record<string, string>) => promisify(execFile)(path, ['-t', '-c', file], { env });
  expect((await check(Object.fromEntries(passwords))).stderr).toContain('is valid');
  await expect(check({})).rejects.toThrow(/NATS_PROVISION_PASSWORD/);
});
