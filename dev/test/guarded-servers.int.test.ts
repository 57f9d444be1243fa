import { chmod, mkdtempDisposable } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBus } from '@errand/bus';
import { BUCKETS, DEFAULT_TOPOLOGY, Tenant } from '@errand/contracts';
import { startNatsServer, startPostgresServer } from '@errand/local-servers';
import { migrate, openDatabase } from '@errand/postgres';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { dataFolderAt, makeDataFolder } from '../data/data-folder.ts';
import { loadSecrets } from '../data/secrets.ts';
import { createCrew } from '../process/crew.ts';
import { startServers } from '../servers.ts';

/* What another user of this machine can do with the servers of `npm start`, and what becomes of an older folder. */

const room = { maxFileStoreBytes: 50_000_000_000_000, maxWalBytes: 2 ** 28 };

async function openFolder() {
  const dir = await mkdtempDisposable(join(tmpdir(), 'errand-guarded-'));
  await chmod(dir.path, 0o755);
  const folder = dataFolderAt(join(dir.path, 'data'));
  await makeDataFolder(folder);
  return { dir, folder };
}

test('a folder whose servers let everybody in is handed over, with all that it holds', {
  timeout: 120_000,
}, async () => {
  const { dir, folder } = await openFolder();
  await using _ = dir;
  const nats = await startNatsServer({ storeDir: folder.natsDir, logFile: folder.logFile('nats') });
  const postgres = await startPostgresServer({
    dataDir: folder.postgresDir,
    logFile: folder.logFile('postgres'),
    durable: false,
  });
  const ports = { nats: nats.port, postgres: postgres.port };
  const tenant = { tenant_id: 'kept', created_at: '2026-01-01T00:00:00.000Z' };
  {
    await using db = openDatabase({ url: postgres.url, name: 'before', poolSize: 1 });
    await migrate(db);
    await sql`create table mine (a int)`.execute(db);
    await sql`insert into mine values (7)`.execute(db);
    await using bus = await openBus({ servers: nats.url, name: 'before', topology: DEFAULT_TOPOLOGY });
    await (await bus.buckets.open(BUCKETS.tenants, Tenant)).put('kept', tenant);
  }
  await Promise.all([nats.stop(), postgres.stop()]);

  const secrets = await loadSecrets(folder.secretsFile);
  const crew = createCrew(() => {});
  const start = () =>
    startServers({
      folder,
      ports,
      secrets,
      crew,
      room,
      say: () => {},
      natsUrl: undefined,
      postgresUrl: undefined,
    });
  try {
    const { natsUrl, postgresUrl } = await start();
    await using db = openDatabase({ url: postgresUrl, name: 'after', poolSize: 1 });
    await migrate(db);
    expect((await sql`select a from mine`.execute(db)).rows).toEqual([{ a: 7 }]);
    await sql`alter table mine add b int`.execute(db);
    await expect(sql`copy (select 1) to program 'true'`.execute(db)).rejects.toThrow(/permission denied/);
    const { rows } = await sql`select rolsuper from pg_roles where rolname = current_user`.execute(db);
    expect(rows).toEqual([{ rolsuper: false }]);
    for (const login of ['errand', 'postgres', 'errand_services', 'errand_services:wrong']) {
      const url = `postgres://${login}@127.0.0.1:${ports.postgres}/errand`;
      await using stranger = openDatabase({ url, name: 'stranger', poolSize: 1 });
      await expect(sql`select 1`.execute(stranger)).rejects.toThrow(/pg_hba|password/);
    }
    await using bus = await openBus({ servers: natsUrl, name: 'after', topology: DEFAULT_TOPOLOGY });
    expect(await (await bus.buckets.open(BUCKETS.tenants, Tenant)).get('kept')).toEqual(tenant);
    await using gateway = await openBus({
      servers: `nats://gateway:${secrets.nats_passwords.gateway}@127.0.0.1:${ports.nats}`,
      name: 'errand-gateway',
      role: 'gateway',
      provisions: false,
      topology: DEFAULT_TOPOLOGY,
    });
    expect(await (await gateway.buckets.open(BUCKETS.tenants, Tenant)).get('kept')).toEqual(tenant);
    expect(await saidToStranger(ports.nats)).toContain('Authorization Violation');
    await expect(fetch(`http://127.0.0.1:${nats.monitorPort}/healthz`)).rejects.toThrow();
  } finally {
    await crew.stop();
  }
});

/** The answer of NATS to somebody who writes into a bucket without a password. */
async function saidToStranger(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1').setEncoding('utf8');
  socket.write('CONNECT {"verbose":false}\r\nPUB $KV.api_keys.stolen 2\r\n{}\r\nPING\r\n');
  let heard = '';
  for await (const chunk of socket) {
    heard += chunk;
    if (heard.includes('PONG')) break;
  }
  return heard;
}
