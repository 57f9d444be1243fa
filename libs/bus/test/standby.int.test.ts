import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { AUDIT_STREAM, BUCKETS, JOBS_STREAM, LogPosition, RESTORE_STREAM, Tenant } from '@errand/contracts';
import {
  leafOf,
  startTestCluster,
  startTestNats,
  startTestSite,
  type TestSite,
  waitUntil,
} from '@errand/testkit';
import { jetstreamManager } from '@nats-io/jetstream';
import { expect, test } from 'vitest';
import { type Bus, openBus } from '../src/bus.ts';
import { connectBus } from '../src/connect/connect.ts';
import { backUp, mirrorSite, openFolder, promote } from '../src/index.ts';
import { connectionOf } from '../src/testing.ts';
import { newJob, openTestBus, requested, started, TOPOLOGY } from './bus.ts';

const SITE = 'east';
const MIRROR_MS = 30_000;
const ignore = () => {};
const TENANT: Tenant = { tenant_id: 'acme', created_at: new Date(0).toISOString() };

const mirror = (servers: string, replicas = 1) => mirrorSite({ servers, name: 'test', site: SITE, replicas });
const promoteTo = (servers: string, replicas = 1) =>
  promote({ servers, name: 'test', topology: { ...TOPOLOGY, replicas }, say: ignore });

async function requestJobs(bus: Bus, count: number) {
  const refs = Array.from({ length: count }, () => newJob());
  const outcomes = await bus.jobs.appendBatch(
    refs.map((ref) => ({ ref, event: requested(ref), expectedVersion: 0 })),
  );
  return outcomes.map((outcome, index) => ({
    ref: refs[index] ?? newJob(),
    version: outcome.kind === 'appended' ? outcome.version : 0,
  }));
}

/** Versions of the entries of AUDIT, in their order. */
async function readAudit(bus: Bus): Promise<number[]> {
  const versions: number[] = [];
  for await (const { entries } of bus.audit.read({})) versions.push(...entries.map(({ version }) => version));
  return versions;
}

async function untilAudited(bus: Bus): Promise<void> {
  const version = await bus.jobs.lastEvent();
  await waitUntil(async () => (await bus.audit.version()) === version, { timeoutMs: MIRROR_MS });
}

/** Waits until a standby has all that its site has. */
async function untilMirrored(bus: Bus, standbyUrl: string, replicas = 1): Promise<void> {
  const site = await jetstreamManager(connectionOf(bus));
  const isMirrored = async () => {
    const mirrors = (await mirror(standbyUrl, replicas)).map(async ({ stream, messages }) => {
      const { state } = await site.streams.info(stream);
      return state.messages === messages;
    });
    return (await Promise.all(mirrors)).every(Boolean);
  };
  await waitUntil(isMirrored, { timeoutMs: MIRROR_MS });
}

async function startStandby(site: TestSite, copies: number): Promise<AsyncDisposable & { url: string }> {
  if (copies === 1) return startTestSite('west', { standbyOf: site });
  const cluster = await startTestCluster({ more: { leafnodes: leafOf(site) } });
  return { ...cluster, url: cluster.urls.join() };
}

/** Jobs that a standby has of its site. */
async function mirrorJobs(site: TestSite, standby: TestSite) {
  const bus = await openTestBus(site.url);
  const jobs = await requestJobs(bus, 10);
  await untilAudited(bus);
  await untilMirrored(bus, standby.url);
  return { bus, jobs };
}

test.each([1, 3])(
  'a promoted standby of %i copies has what its site had, and goes on beyond all of its versions',
  async (replicas) => {
    await using site = await startTestSite(SITE);
    await using standby = await startStandby(site, replicas);
    const bus = await openTestBus(site.url);
    const jobs = await requestJobs(bus, 50);
    const tenants = await bus.buckets.open(BUCKETS.tenants, Tenant);
    for (const id of ['a', 'acme', 'b']) await tenants.put(id, { ...TENANT, tenant_id: id });
    await tenants.delete('b');
    const payload = await bus.payloads.put({
      tenantId: 'acme',
      jobId: 'j-1',
      contentType: 'text/plain',
      // As many bytes as need the flow control between the sites.
      body: Readable.from([Buffer.alloc(20_000_000, 'x')]),
    });
    const positions = await bus.buckets.open(BUCKETS.positions, LogPosition);
    await positions.put('webhooks', { version: 1 });
    await untilAudited(bus);
    await untilMirrored(bus, standby.url, replicas);

    // Nobody writes to a standby, and nothing is made of it but by a promotion.
    const waits = new AbortController();
    const starting = openBus({
      servers: standby.url,
      name: 'test',
      topology: TOPOLOGY,
      signal: waits.signal,
      onStatus: (_, detail) => detail.includes('is the standby of east') && waits.abort(),
    });
    await expect(starting).rejects.toThrow('stopped while provisioning');
    const store = openFolder('/nowhere');
    const backingUp = backUp({ servers: standby.url, name: 'test', store, say: ignore });
    await expect(backingUp).rejects.toThrow('is the standby of east');

    await bus[Symbol.asyncDispose]();
    const newest = jobs.at(-1)?.version ?? 0;
    await site.kill();
    expect(await promoteTo(standby.url, replicas)).toBe(SITE);
    await using promoted = await openBus({
      servers: standby.url,
      name: 'test',
      topology: { ...TOPOLOGY, replicas },
    });
    expect(await readAudit(promoted)).toEqual(jobs.map(({ version }) => version));
    const { lastVersion, firstVersion } = await promoted.jobs.reach();
    expect(firstVersion).toBeUndefined();
    expect(lastVersion).toBeGreaterThan(newest + 1_000);
    expect((await promoted.jobs.readWindow()).neededFrom?.version).toBe(1);
    for (const { ref, version } of jobs.slice(0, 3)) {
      const late = { ref, event: started(ref), expectedVersion: version };
      expect(await promoted.jobs.append(late)).toEqual({ kind: 'conflict' });
    }
    // The log goes on, and so does its copy.
    const more = await requestJobs(promoted, 3);
    expect(more[0]?.version).toBeGreaterThan(lastVersion);
    await untilAudited(promoted);
    expect(await readAudit(promoted)).toEqual([...jobs, ...more].map(({ version }) => version));
    const kept = await promoted.buckets.open(BUCKETS.tenants, Tenant);
    expect([await kept.get('acme'), await kept.get('b')]).toEqual([TENANT, undefined]);
    await kept.put('c', { ...TENANT, tenant_id: 'c' });
    const opened = await promoted.payloads.open(payload);
    expect(opened.kind === 'gone' ? 0 : (await text(opened.body)).length).toBe(20_000_000);
    const told = await promoted.buckets.open(BUCKETS.positions, LogPosition);
    expect(await told.get('webhooks')).toBeUndefined();
    const jsm = await jetstreamManager(connectionOf(promoted));
    const { config } = await jsm.streams.info(JOBS_STREAM);
    expect(config).toMatchObject({
      max_bytes: TOPOLOGY.jobsMaxBytes,
      discard: 'new',
      allow_atomic: true,
      max_age: TOPOLOGY.jobsMaxAgeHours * 3_600e9,
    });
    expect((await jsm.streams.info(AUDIT_STREAM)).config.sources?.[0]?.opt_start_seq).toBeUndefined();
    for (const { config } of await jsm.streams.list().next()) expect(config.num_replicas).toBe(replicas);
    await expect(promoteTo(standby.url, replicas)).rejects.toThrow('is no standby');
    await expect(mirror(standby.url)).rejects.toThrow('has streams of its own: ');
  },
);

test('a promotion takes out of the mirror of JOBS what that of AUDIT lacks', async () => {
  await using site = await startTestSite(SITE);
  await using standby = await startTestSite('west', { standbyOf: site });
  const { bus, jobs } = await mirrorJobs(site, standby);
  // The copy of AUDIT stays behind that of JOBS, and what comes then gets to neither.
  const origin = await jetstreamManager(connectionOf(bus));
  await origin.streams.update(AUDIT_STREAM, { sources: [], subjects: ['none'] } as never);
  jobs.push(...(await requestJobs(bus, 5)));
  await untilMirrored(bus, standby.url);
  using _cut = site.cut();
  const lost = await requestJobs(bus, 5);
  await bus[Symbol.asyncDispose]();
  await site.kill();

  await promoteTo(standby.url);
  await using promoted = await openTestBus(standby.url);
  expect(await readAudit(promoted)).toEqual(jobs.map(({ version }) => version));
  const { lastVersion } = await promoted.jobs.reach();
  expect(lastVersion).toBeGreaterThan(lost.at(-1)?.version ?? Number.POSITIVE_INFINITY);
});

test('a promotion loses nothing where the mirror of AUDIT is ahead of that of JOBS', async () => {
  await using site = await startTestSite(SITE);
  await using standby = await startTestSite('west', { standbyOf: site });
  const { bus, jobs } = await mirrorJobs(site, standby);
  await bus[Symbol.asyncDispose]();
  await site.kill();
  const { nc } = await connectBus({ servers: standby.url, name: 'test' });
  const jsm = await jetstreamManager(nc);
  const { config } = await jsm.streams.info(JOBS_STREAM);
  await jsm.streams.delete(JOBS_STREAM);
  // It has nothing of its site, and never will.
  await jsm.streams.add(config);
  await nc.close();

  await promoteTo(standby.url);
  await using promoted = await openTestBus(standby.url);
  const [next] = await requestJobs(promoted, 1);
  expect(next?.version).toBeGreaterThan(jobs.at(-1)?.version ?? Number.POSITIVE_INFINITY);
  await untilAudited(promoted);
  expect(await readAudit(promoted)).toEqual([...jobs, next].map((job) => job?.version));
});

test('a promotion that was interrupted goes on', async () => {
  await using site = await startTestSite(SITE);
  await using standby = await startTestSite('west', { standbyOf: site });
  const { bus, jobs } = await mirrorJobs(site, standby);
  await bus[Symbol.asyncDispose]();
  await site.kill();
  const says: string[] = [];
  const options = { servers: standby.url, name: 'test', topology: TOPOLOGY };
  const interrupted = promote({
    ...options,
    say(line) {
      says.push(line);
      if (line.startsWith(AUDIT_STREAM)) throw new Error('killed');
    },
  });
  await expect(interrupted).rejects.toThrow('killed');
  await expect(mirror(standby.url)).rejects.toThrow('has streams of its own');
  await promote({ ...options, say: (line) => says.push(line) });
  expect(says.length).toBe(new Set(says).size);
  await using promoted = await openTestBus(standby.url);
  expect(await readAudit(promoted)).toEqual(jobs.map(({ version }) => version));
  // However soon after its beginning the site was lost.
  const newest = jobs.at(-1)?.version ?? 0;
  expect((await promoted.jobs.reach()).lastVersion).toBeGreaterThan(newest + 1_000);
});

test('what comes to a mirror while its promotion begins does not keep the log at versions of its site', async () => {
  await using site = await startTestSite(SITE);
  await using standby = await startTestSite('west', { standbyOf: site });
  const { bus, jobs } = await mirrorJobs(site, standby);
  await bus[Symbol.asyncDispose]();
  await site.kill();
  const { nc } = await connectBus({ servers: standby.url, name: 'test' });
  const jsm = await jetstreamManager(nc);
  // The promotion has seen the mirror before anything had come.
  const metadata = { standby_of: SITE, ended_at: '0' };
  await jsm.streams.update(RESTORE_STREAM, { metadata });
  await nc.close();

  await promoteTo(standby.url);
  await using promoted = await openTestBus(standby.url);
  const newest = jobs.at(-1)?.version ?? Number.POSITIVE_INFINITY;
  expect((await promoted.jobs.reach()).lastVersion).toBeGreaterThan(newest + 1_000);
  expect(await readAudit(promoted)).toEqual(jobs.map(({ version }) => version));
});

test('over the connection of a standby nothing is said but what mirrors need', async () => {
  await using site = await startTestSite(SITE);
  await using standby = await startTestSite('west', { standbyOf: site });
  await using bus = await openTestBus(site.url);
  await requestJobs(bus, 3);
  await untilAudited(bus);
  await untilMirrored(bus, standby.url);
  // Both run, and the leaf is still connected: neither hears the other.
  await promoteTo(standby.url);
  await using promoted = await openTestBus(standby.url);
  const at = async (log: Bus) => (await log.jobs.reach()).lastVersion;
  const before = await at(promoted);
  const [own] = await requestJobs(bus, 1);
  expect(await at(promoted)).toBe(before);
  await requestJobs(promoted, 2);
  expect(await at(bus)).toBe(own?.version);
});

test('a NATS without a way to its site, or with streams of its own, becomes no standby', async () => {
  await using alone = await startTestNats();
  await expect(mirror(alone.url)).rejects.toThrow('nobody answers for east');
  await expect(promoteTo(alone.url)).rejects.toThrow('is no standby');
  // Services can begin with it.
  await openTestBus(alone.url).then((bus) => bus[Symbol.asyncDispose]());
  await using empty = await startTestSite(SITE);
  await using beside = await startTestSite('west', { standbyOf: empty });
  // It answers once the two are joined.
  await expect
    .poll(() => mirror(beside.url).catch(String), { timeout: 20_000 })
    .toContain('east has no streams yet');
  await expect(promoteTo(beside.url)).rejects.toThrow('is no standby');
  await using used = await startTestNats();
  await using _bus = await openTestBus(used.url);
  await expect(mirror(used.url)).rejects.toThrow('has streams of its own: ');
  await expect(promoteTo(used.url)).rejects.toThrow('is no standby');
});
