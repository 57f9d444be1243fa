import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type PostgresServerOptions, startPostgresServer } from '../src/postgres/start-postgres-server.ts';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'errand-postgres-'));
  await chmod(dir, 0o755);
});

afterEach(() => rm(dir, { recursive: true, force: true }));

const options = (more: Partial<PostgresServerOptions> = {}): PostgresServerOptions => ({
  dataDir: join(dir, 'data'),
  logFile: join(dir, 'postgres.log'),
  durable: false,
  ...more,
});

/**
 * Resolves to the first of two kinds of message that answer a start-up message of protocol 3.0:
 * `Z`, ready for queries, or `E`, an error. Each message is its kind and its length, which counts itself.
 */
async function answerToSession(url: string): Promise<'Z' | 'E'> {
  const { port, username, pathname } = new URL(url);
  const parameters = Buffer.from(`user\0${username}\0database\0${pathname.slice(1)}\0\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(head.length + parameters.length, 0);
  head.writeInt32BE(3 << 16, 4);
  const socket = connect(Number(port), '127.0.0.1');
  socket.write(Buffer.concat([head, parameters]));
  let unread = Buffer.alloc(0);
  for await (const chunk of socket) {
    unread = Buffer.concat([unread, chunk]);
    while (unread.length >= 5) {
      const kind = unread.toString('latin1', 0, 1);
      if (kind === 'Z' || kind === 'E') return kind;
      unread = unread.subarray(1 + unread.readInt32BE(1));
    }
  }
  throw new Error('the server closed the connection');
}

test('a started server lets its user into its database', async () => {
  const server = await startPostgresServer(options());
  expect(await answerToSession(server.url)).toBe('Z');
  expect(await answerToSession(server.url.replace(/errand$/, 'absent'))).toBe('E');
  await server.stop();
  expect(await server.exited).toEqual({ code: 0, signal: null });
});

test('after kill -9 a server comes back on the same port', async () => {
  const first = await startPostgresServer(options());
  first.kill('SIGKILL');
  expect(await first.exited).toEqual({ code: null, signal: 'SIGKILL' });
  const second = await startPostgresServer(options({ port: first.port }));
  expect(second.url).toBe(first.url);
  expect(await answerToSession(second.url)).toBe('Z');
  await second.stop();
});

test('what an interrupted first start left behind is cleared away', async () => {
  await mkdir(join(dir, 'data.new'));
  await writeFile(join(dir, 'data.new', 'PG_VERSION'), '18\n');
  const server = await startPostgresServer(options());
  await server.stop();
  expect(await readdir(dir)).toEqual(['data', 'postgres.log']);
});

test('a folder with other content is refused and left as it is', async () => {
  await mkdir(join(dir, 'data'));
  await writeFile(join(dir, 'data', 'thesis.txt'), 'mine');
  await expect(startPostgresServer(options())).rejects.toMatchObject({
    code: 'postgres_folder_unusable',
    path: join(dir, 'data'),
  });
  expect(await readdir(join(dir, 'data'))).toEqual(['thesis.txt']);
});

test.runIf(process.getuid?.() === 0)('run by root, a folder closed to others is named', async () => {
  await mkdir(join(dir, 'closed'), { mode: 0o700 });
  const dataDir = join(dir, 'closed', 'data');
  await expect(startPostgresServer(options({ dataDir }))).rejects.toMatchObject({
    code: 'postgres_folder_unusable',
    path: join(dir, 'closed'),
  });
});
