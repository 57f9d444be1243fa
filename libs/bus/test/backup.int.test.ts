import { mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import {
  AUDIT_STREAM,
  BUCKETS,
  JOBS_STREAM,
  LogPosition,
  PROJECTION_READER,
  redriveConsumer,
  Tenant,
  WEBHOOKS_READER,
} from '@errand/contracts';
import { startTestCluster, startTestNats } from '@errand/testkit';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, expect, test } from 'vitest';
import type { BackupFolder } from '../src/backup/folder.ts';
import type { Bus } from '../src/bus.ts';
import { backUp, openBus, openFolder, restore, streamStore, unpack } from '../src/index.ts';
import { connectionOf } from '../src/testing.ts';
import { newJob, requested, started, TOPOLOGY } from './bus.ts';

const resources = new AsyncDisposableStack();
afterAll(() => resources.disposeAsync());

const ignore = () => {};
const TENANT: Tenant = { tenant_id: 'acme', created_at: new Date(0).toISOString() };

async function newFolder(): Promise<{ path: string; folder: BackupFolder }> {
  const path = await mkdtemp(join(tmpdir(), 'errand-backup-'));
  resources.defer(() => rm(path, { recursive: true }));
  return { path, folder: openFolder(path) };
}

const openTestLog = (servers: string, replicas = 1) =>
  openBus({ servers, name: 'test', topology: { ...TOPOLOGY, replicas } });
const backUpFrom = (servers: string, store: Parameters<typeof backUp>[0]['store']) =>
  backUp({ servers, name: 'test', store, say: ignore });
const restoreTo = (
  servers: string,
  store: BackupFolder,
  { replicas = 1, replaces = false }: { replicas?: number; replaces?: boolean } = {},
) => restore({ servers, name: 'test', store, replicas, replaces, say: ignore });

async function requestJobs(bus: Bus, count: number) {
  const refs = Array.from({ length: count }, () => newJob());
  const outcomes = await bus.jobs.appendBatch(
    refs.map((ref) => ({ ref, event: requested(ref), expectedVersion: 0 })),
  );
  expect(outcomes.every(({ kind }) => kind === 'appended')).toBe(true);
  return refs;
}

async function readAudit(bus: Bus) {
  const versions: number[] = [];
  const jobs = new Set<string>();
  for await (const { entries } of bus.audit.read({})) {
    for (const { version, decoded } of entries) {
      versions.push(version);
      if (decoded.kind === 'event') jobs.add(decoded.recorded.ref.jobId);
    }
  }
  return { versions, jobs };
}

async function untilAudited(bus: Bus): Promise<void> {
  const version = await bus.jobs.lastEvent();
  await expect.poll(() => bus.audit.version(), { timeout: 20_000 }).toBe(version);
}

const removeAll = async (bus: Bus) => {
  const jsm = await jetstreamManager(connectionOf(bus));
  for (const { config } of await jsm.streams.list().next()) await jsm.streams.delete(config.name);
};

test.each([1, 3])(
  'what was backed up while the log grew is one log again, of %i copies',
  async (replicas) => {
    await using servers = replicas === 1 ? await startTestNats() : await startTestCluster();
    const url = 'urls' in servers ? servers.urls.join() : servers.url;
    const { folder } = await newFolder();
    const [first = newJob()] = await (async () => {
      await using bus = await openTestLog(url, replicas);
      const refs = await requestJobs(bus, 50);
      const bucket = await bus.buckets.open(BUCKETS.tenants, Tenant);
      for (const id of ['a', 'acme', 'b']) await bucket.put(id, { ...TENANT, tenant_id: id });
      await untilAudited(bus);
      const manifest = await backUpFrom(url, {
        ...folder,
        // AUDIT has been taken by then, and JOBS has not.
        async write(stream, chunks) {
          if (stream === AUDIT_STREAM) refs.push(...(await requestJobs(bus, 20)));
          return folder.write(stream, chunks);
        },
      });
      expect(manifest.parts.find(({ stream }) => stream === JOBS_STREAM)?.head.state.messages).toBe(70);
      // Lost with the log.
      refs.push(...(await requestJobs(bus, 5)));
      await removeAll(bus);
      return refs;
    })();

    const { parts } = await restoreTo(url, folder, { replicas });
    const backedUp = parts.find(({ stream }) => stream === JOBS_STREAM)?.head.state;
    await using bus = await openTestLog(url, replicas);
    const restored = await readAudit(bus);
    expect(restored.jobs.size).toBe(70);
    expect(restored.versions).toEqual(Array.from({ length: 70 }, (_, i) => (backedUp?.first_seq ?? 0) + i));
    const reach = await bus.jobs.reach();
    expect(reach.beganAt).toBe(backedUp?.first_seq);
    expect(reach.lastVersion).toBeGreaterThan((backedUp?.last_seq ?? 0) + 5);
    // Whoever still has a job of the lost log cannot write.
    const late = { ref: first, event: started(first), expectedVersion: backedUp?.first_seq ?? 0 };
    expect(await bus.jobs.append(late)).toMatchObject({ kind: 'conflict' });
    // The log goes on, and so does its copy.
    const more = await requestJobs(bus, 3);
    await untilAudited(bus);
    const after = await readAudit(bus);
    expect(after.versions.length).toBe(73);
    expect(more.every(({ jobId }) => after.jobs.has(jobId))).toBe(true);
    expect((await bus.jobs.readWindow()).neededFrom?.version).toBe(backedUp?.first_seq);
    const kept = await bus.buckets.open(BUCKETS.tenants, Tenant);
    expect(await kept.get('acme')).toEqual(TENANT);
    const jsm = await jetstreamManager(connectionOf(bus));
    const { state } = await jsm.streams.info(`KV_${BUCKETS.tenants}`);
    expect(state.last_seq).toBe(3);
    for (const { config } of await jsm.streams.list().next()) expect(config.num_replicas).toBe(replicas);
  },
);

test('an interrupted backup goes on, and takes AUDIT again only if JOBS does not follow it any more', async () => {
  await using nats = await startTestNats();
  await using bus = await openTestLog(nats.url);
  const { folder } = await newFolder();
  await requestJobs(bus, 10);
  await untilAudited(bus);
  const failAt = (failing: string) => ({
    ...folder,
    write: (stream: string, chunks: AsyncIterable<Uint8Array>) =>
      stream === failing ? Promise.reject(new Error('the disk is full')) : folder.write(stream, chunks),
  });
  const taken = async () =>
    Object.fromEntries((await folder.readManifest())?.parts.map((part) => [part.stream, part.sha256]) ?? []);

  await expect(backUpFrom(nats.url, failAt(JOBS_STREAM))).rejects.toThrow('the disk is full');
  const first = await taken();
  expect(Object.keys(first)).toEqual(['DEAD_LETTERS', 'LOGS', 'AUDIT']);
  await requestJobs(bus, 1);
  await expect(backUpFrom(nats.url, failAt('OBJ_payloads'))).rejects.toThrow('the disk is full');
  expect((await taken()).AUDIT).toBe(first.AUDIT);

  const { folder: other } = await newFolder();
  const { readManifest, writeManifest } = other;
  const failing = { ...failAt(JOBS_STREAM), readManifest, writeManifest, isWhole: async () => true };
  await expect(backUpFrom(nats.url, failing)).rejects.toThrow('the disk is full');
  await requestJobs(bus, 5);
  await untilAudited(bus);
  const jsm = await jetstreamManager(connectionOf(bus));
  await jsm.streams.purge(JOBS_STREAM);
  const before = (await other.readManifest())?.parts.find(({ stream }) => stream === AUDIT_STREAM);
  const whole = await backUpFrom(nats.url, { ...other, isWhole: async () => true });
  expect(whole.parts.find(({ stream }) => stream === AUDIT_STREAM)?.head.state.messages).toBe(16);
  expect(before?.head.state.messages).toBe(11);

  await backUpFrom(nats.url, folder);
  await expect(backUpFrom(nats.url, folder)).rejects.toThrow('there is a complete backup');
});

test('an interrupted backup begins anew where what it has is of a lost log, or days old', async () => {
  await using nats = await startTestNats();
  const { folder } = await newFolder();
  const failing = {
    ...folder,
    write: (stream: string, chunks: AsyncIterable<Uint8Array>) =>
      stream === 'OBJ_payloads' ? Promise.reject(new Error('NATS is lost')) : folder.write(stream, chunks),
  };
  {
    await using lost = await openTestLog(nats.url);
    await requestJobs(lost, 10);
    await untilAudited(lost);
    await expect(backUpFrom(nats.url, failing)).rejects.toThrow('NATS is lost');
    await removeAll(lost);
  }
  await using bus = await openTestLog(nats.url);
  await requestJobs(bus, 3);
  await untilAudited(bus);
  const ofLost = await folder.readManifest();
  await expect(backUpFrom(nats.url, failing)).rejects.toThrow('NATS is lost');
  const begun = await folder.readManifest();
  expect(begun?.backup_id).not.toBe(ofLost?.backup_id);
  expect(begun?.parts.at(-1)).toMatchObject({ stream: JOBS_STREAM, head: { state: { messages: 3 } } });

  await requestJobs(bus, 1);
  await untilAudited(bus);
  if (!begun) throw new Error('there is no backup');
  const taken_at = new Date(Date.now() - 172_800_000).toISOString();
  await folder.writeManifest({ ...begun, parts: begun.parts.map((part) => ({ ...part, taken_at })) });
  const { backup_id, parts } = await backUpFrom(nats.url, folder);
  expect(backup_id).not.toBe(begun.backup_id);
  const messages = (wanted: string) => parts.find(({ stream }) => stream === wanted)?.head.state.messages;
  expect([messages(AUDIT_STREAM), messages(JOBS_STREAM)]).toEqual([4, 4]);
});

test('an interrupted restore goes on; what differs from the backup, or is not empty, is not touched', async () => {
  await using nats = await startTestNats();
  const { path, folder } = await newFolder();
  await using old = await openTestLog(nats.url);
  await requestJobs(old, 10);
  const payload = await old.payloads.put({
    tenantId: 'acme',
    jobId: 'j-1',
    contentType: 'text/plain',
    body: Readable.from([Buffer.from('hello')]),
  });
  const positions = await old.buckets.open(BUCKETS.positions, LogPosition);
  await positions.put('webhooks', { version: 1 });
  await untilAudited(old);
  await expect(restoreTo(nats.url, folder)).rejects.toThrow('there is no backup');
  await backUpFrom(nats.url, folder);
  expect(await positions.get('backup')).toBeUndefined();
  await expect(restoreTo(nats.url, folder)).rejects.toThrow('this NATS has data in AUDIT, JOBS');

  await using empty = await startTestNats();
  const restored: string[] = [];
  const interrupted = {
    ...folder,
    read(stream: string) {
      restored.push(stream);
      if (stream === JOBS_STREAM && restored.indexOf(stream) === restored.length - 1) {
        return (async function* () {
          yield new Uint8Array(10);
          throw new Error('the disk is gone');
        })();
      }
      return folder.read(stream);
    },
  };
  await expect(restoreTo(empty.url, interrupted)).rejects.toThrow('the disk is gone');
  const waits = new AbortController();
  const starting = openBus({
    servers: empty.url,
    name: 'test',
    topology: TOPOLOGY,
    signal: waits.signal,
    onStatus: (_, detail) => detail.includes('a backup is being restored') && waits.abort(),
  });
  await expect(starting).rejects.toThrow('stopped while provisioning');
  restored.push('again');
  await restoreTo(empty.url, interrupted);
  expect(restored.slice(restored.indexOf('again') + 1)).toEqual([
    JOBS_STREAM,
    AUDIT_STREAM,
    'LOGS',
    'DEAD_LETTERS',
  ]);
  {
    await using bus = await openTestLog(empty.url);
    expect((await readAudit(bus)).versions.length).toBe(10);
    const opened = await bus.payloads.open(payload);
    expect(opened.kind === 'gone' ? 'gone' : await text(opened.body)).toBe('hello');
    const kept = await bus.buckets.open(BUCKETS.positions, LogPosition);
    expect(await kept.get('webhooks')).toBeUndefined();
  }

  const [file = ''] = (await readdir(path)).filter((name) => name.startsWith('KV_tenants'));
  await using handle = await open(join(path, file), 'r+');
  await handle.write(Buffer.from('x'), 0, 1, 20);
  await expect(restoreTo(empty.url, folder, { replaces: true })).rejects.toThrow(
    'KV_tenants is not as it was backed up; nothing was restored',
  );
  await using bus = await openTestLog(empty.url);
  expect((await readAudit(bus)).versions.length).toBe(10);
});

test('one stream holds the same, and one that was cut off or is none is refused', async () => {
  await using nats = await startTestNats();
  await using bus = await openTestLog(nats.url);
  await requestJobs(bus, 20);
  const pipe = new PassThrough();
  const [bytes] = await Promise.all([
    buffer(pipe),
    backUpFrom(nats.url, streamStore(pipe)).then(() => pipe.end()),
  ]);
  // In chunks that end anywhere.
  const pieces = Array.from({ length: Math.ceil(bytes.length / 777) }, (_, i) =>
    bytes.subarray(i * 777, (i + 1) * 777),
  );
  const { folder } = await newFolder();
  await unpack(Readable.from(pieces), folder);
  const manifest = await folder.readManifest();
  expect(await Promise.all(manifest?.parts.map(folder.isWhole) ?? [])).not.toContain(false);
  await restoreTo(nats.url, folder, { replaces: true });

  const { folder: none } = await newFolder();
  for (const cut of [bytes.length - 1, Math.floor(bytes.length / 2), 10, 0]) {
    await expect(unpack(Readable.from([bytes.subarray(0, cut)]), none)).rejects.toThrow('cut off');
  }
  await expect(unpack(Readable.from([Buffer.alloc(10_000, 'x')]), none)).rejects.toThrow('is no backup');
  expect(await none.readManifest()).toBeUndefined();
});

test('what errand provision had made for services that make nothing is there again', async () => {
  await using server = await startTestNats();
  const { folder } = await newFolder();
  await openTestLog(server.url).then((bus) => bus[Symbol.asyncDispose]());
  await backUpFrom(server.url, folder);
  await restoreTo(server.url, folder, { replaces: true });
  await using bus = await openTestLog(server.url);
  const jsm = await jetstreamManager(connectionOf(bus));
  for (const { name } of [PROJECTION_READER, WEBHOOKS_READER]) {
    const redrives = redriveConsumer(name);
    expect(await jsm.consumers.info(redrives.stream, redrives.name)).toMatchObject({ name: redrives.name });
  }
});
