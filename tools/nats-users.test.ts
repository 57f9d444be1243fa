import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { usersConf, usersPage } from './nats-users.ts';

const committed = (path: string) => readFile(join(import.meta.dirname, '..', path), 'utf8');

test('docs/nats-users.md is what `node tools/nats-users.ts` prints', async () => {
  expect(await committed('docs/nats-users.md')).toBe(usersPage());
});

test('deploy/nats/users.conf is what `node tools/nats-users.ts conf` prints', async () => {
  expect(await committed('deploy/nats/users.conf')).toBe(usersConf());
});
