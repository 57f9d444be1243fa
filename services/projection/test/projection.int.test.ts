import { randomUUIDv7 } from 'node:crypto';
import { openBus } from '@errand/bus';
import { toJobEvent } from '@errand/contracts';
import { foldJob } from '@errand/domain';
import { REQUEST } from '@errand/domain/testing';
import { openDatabase, stateOfRow } from '@errand/postgres';
import { createLogger, parseConfig } from '@errand/runtime';
import { startTestNats, startTestPostgres, waitUntil } from '@errand/testkit';
import { expect, test } from 'vitest';
import { settings } from '../src/config.ts';
import { startProjection } from '../src/start.ts';

test('jobs requested while Postgres is down are in the table once it is back', async () => {
  await using nats = await startTestNats();
  await using postgres = await startTestPostgres();
  const config = parseConfig(settings, {
    NATS_URL: nats.url,
    DATABASE_URL: postgres.url,
    ERRAND_OPS_PORT: '0',
  });
  const failures: unknown[] = [];
  const context = {
    log: createLogger({ service: 'projection', level: 'silent' }),
    signal: new AbortController().signal,
    fail: (error: unknown) => failures.push(error),
  };
  await using bus = await openBus({ servers: nats.url, name: 'test', topology: config });
  await using projection = await startProjection(config, context);
  const db = openDatabase({ url: postgres.url, name: 'test', poolSize: 1 });
  const ready = () => fetch(`http://127.0.0.1:${projection.opsPort}/readyz`);

  const request = async () => {
    const ref = { tenantId: 'acme', action: 'add', jobId: randomUUIDv7() };
    const fact = { type: 'JobRequested', data: REQUEST } as const;
    const id = randomUUIDv7();
    const event = toJobEvent(fact, { id, jobId: ref.jobId, source: '/errand/test', timeMs: Date.now() });
    const outcome = await bus.jobs.append({ ref, event, expectedVersion: 0 });
    if (outcome.kind !== 'appended') throw new Error(outcome.kind);
    return { ref, version: outcome.version, event };
  };
  const stateInTable = async (jobId: string) => {
    const row = await db.selectFrom('job_summary').selectAll().where('job_id', '=', jobId).executeTakeFirst();
    return row && stateOfRow(row);
  };

  const before = await request();
  expect(await waitUntil(() => stateInTable(before.ref.jobId))).toEqual(foldJob([before]));
  expect((await ready()).status).toBe(200);

  await postgres.kill();
  const notReady = await waitUntil(async () => {
    const answer = await ready();
    return answer.status === 503 ? answer : undefined;
  });
  expect(await notReady.json()).toMatchObject({ failing: ['postgres'] });
  const meanwhile = await Promise.all(Array.from({ length: 20 }, request));
  await postgres.restart();
  for (const recorded of meanwhile) {
    const state = await waitUntil(() => stateInTable(recorded.ref.jobId), { timeoutMs: 25_000 });
    expect(state).toEqual(foldJob([recorded]));
  }
  expect(failures).toEqual([]);
  await db.destroy();
});
