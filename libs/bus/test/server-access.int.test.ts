import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNatsServer } from '@errand/local-servers';
import { encodeAccount, encodeOperator, encodeUser, fmtCreds } from '@nats-io/jwt';
import { nkeys } from '@nats-io/transport-node';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectBus } from '../src/connect/connect.ts';
import { type ServerAccess, serverAccess } from '../src/connect/server-access.ts';

/* What guards a server in production, each on its own server. They are processes in every mode of the tests. */

const resources = new AsyncDisposableStack();
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'errand-access-'));
  resources.defer(() => rm(dir, { recursive: true }));
});
afterAll(() => resources.disposeAsync());

/** Resolves to host and port of a server started with the options in `more`. */
async function startGuarded(name: string, more: Record<string, unknown>): Promise<string> {
  const server = await startNatsServer({
    ...{ name, more, storeDir: join(dir, name), logFile: join(dir, `${name}.log`) },
  });
  resources.defer(() => server.stop());
  return new URL(server.url).host;
}

async function fileOf(name: string, text: string): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

/** Connects and asks the server something. Rejects with the first reason for a refusal. */
async function comesThrough(servers: string, access: ServerAccess = {}): Promise<boolean> {
  const given = new AbortController();
  const { nc } = await connectBus({
    servers,
    access,
    name: 'test',
    signal: given.signal,
    onStatus: (_, reason) => given.abort(new Error(reason)),
  });
  await nc.flush();
  await nc.close();
  return true;
}

describe('a server with users', () => {
  let host: string;
  beforeAll(async () => {
    host = await startGuarded('users', { authorization: { user: 'errand', password: 'p@ss/w:rd' } });
  });

  test('lets the user of the URL in, whichever server of several names it', async () => {
    expect(await comesThrough(`nats://errand:${encodeURIComponent('p@ss/w:rd')}@${host}`)).toBe(true);
    expect(await comesThrough(`${host},nats://errand:${encodeURIComponent('p@ss/w:rd')}@${host}`)).toBe(true);
  });

  test.each(['nats://', 'nats://errand:wrong@'])('refuses %s in words, at once', async (start) => {
    await expect(comesThrough(start + host)).rejects.toThrow(/authorization|authentication/i);
  });
});

test('a server with a token lets in a client that has it', async () => {
  const host = await startGuarded('token', { authorization: { token: 's3cret-token' } });
  expect(await comesThrough(`nats://s3cret-token@${host}`)).toBe(true);
  await expect(comesThrough(`nats://another@${host}`)).rejects.toThrow(/authorization/i);
});

test('a server of an operator lets in a client that has the credentials file of a user', async () => {
  const operator = nkeys.createOperator();
  const account = nkeys.createAccount();
  const system = nkeys.createAccount();
  const user = nkeys.createUser();
  const limits = { conn: -1, subs: -1, data: -1, payload: -1 };
  const host = await startGuarded('operator', {
    operator: await encodeOperator('op', operator, { system_account: system.getPublicKey() } as never),
    resolver: 'MEMORY',
    resolver_preload: {
      [account.getPublicKey()]: await encodeAccount('errand', account, { limits } as never, {
        signer: operator,
      }),
      [system.getPublicKey()]: await encodeAccount('system', system, {}, { signer: operator }),
    },
  });
  const creds = fmtCreds(await encodeUser('errand', user, account, {}), user);
  const natsCredsFile = await fileOf('user.creds', new TextDecoder().decode(creds));
  expect(await comesThrough(`nats://${host}`, { natsCredsFile })).toBe(true);
  await expect(comesThrough(`nats://${host}`)).rejects.toThrow(/authorization/i);

  // The server ends connections whose credentials have expired.
  const ends = Math.ceil(Date.now() / 1_000) + 2;
  const brief = fmtCreds(await encodeUser('errand', user, account, {}, { exp: ends }), user);
  const exchanged = await fileOf('exchanged.creds', new TextDecoder().decode(brief));
  const back = Promise.withResolvers<void>();
  const { nc } = await connectBus({
    servers: `nats://${host}`,
    access: { natsCredsFile: exchanged },
    name: 'test',
    onStatus: (status) => status === 'reconnected' && back.resolve(),
  });
  await fileOf('exchanged.creds', new TextDecoder().decode(creds));
  await back.promise;
  await nc.flush();
  await nc.close();
});

describe('a server with TLS', () => {
  let host: string;
  let natsCaFile: string;
  let client: ServerAccess;
  beforeAll(async () => {
    const names = [{ name: 'commonName', value: 'errand' }];
    const altNames = [{ type: 2, value: 'localhost' }];
    const extensions = [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames },
    ] as never;
    const made = await generate(names, { extensions, keySize: 2_048 });
    natsCaFile = await fileOf('ca.pem', made.cert);
    const key = await fileOf('server-key.pem', made.private);
    client = { natsCaFile, natsCertFile: natsCaFile, natsKeyFile: key };
    const tls = { cert_file: natsCaFile, key_file: key, ca_file: natsCaFile, verify: true };
    host = (await startGuarded('tls', { tls })).replace('127.0.0.1', 'localhost');
  });

  test('is reached over TLS, with a client certificate if it asks for one', async () => {
    expect(await comesThrough(`tls://${host}`, client)).toBe(true);
    expect(await comesThrough(`nats://${host}`, client)).toBe(true);
  });

  test('is refused by a client that does not know its signer', async () => {
    await expect(comesThrough(`tls://${host}`)).rejects.toThrow(/self.signed/i);
  });

  test('is not replaced by one without', async () => {
    const plain = await startGuarded('plain', {});
    for (const [servers, access] of [
      [`tls://${plain}`, {}],
      [plain, { natsCaFile }],
    ] as const) {
      await expect(comesThrough(servers, access)).rejects.toThrow(/does not support 'tls'/);
    }
    expect(await comesThrough(plain)).toBe(true);
  });
});

test.each([
  ...['http://a:1', 'nats://', 'nats://user:s3cret@', 'user:s3cret@', 'nats://u:s3cret,more@host', 'a b', ''],
  'nats://u:s3cret%zz@host',
])("'%s' is named as wrong by its place, and nothing of it is shown", async (url) => {
  const wrong = await serverAccess(`127.0.0.1:1,${url}`).catch((error: Error) => error.message);
  expect(wrong).toBe('NATS_URL: address 2 is not a URL such as nats://user:password@host:4222');
});

test('a certificate without its key, and a key alone, are refused', async () => {
  const natsCertFile = await fileOf('alone.pem', 'x');
  for (const alone of [{ natsCertFile }, { natsKeyFile: natsCertFile }]) {
    await expect(serverAccess('nats://a', alone)).rejects.toThrow('NATS_CERT_FILE and NATS_KEY_FILE');
  }
});

test('a file that is not there is named', async () => {
  await expect(serverAccess('nats://a', { natsCredsFile: '/none.creds' })).rejects.toThrow(/none\.creds/);
});
