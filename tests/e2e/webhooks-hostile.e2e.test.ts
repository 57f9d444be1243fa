import { waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { percentile } from '../../bench/harness/percentile.ts';
import { residentMb } from '../../bench/harness/process-usage.ts';
import { type HostileEndpoints, startHostileEndpoints } from '../webhook-faults/hostile-endpoints.ts';
import { endJob, endJobs, openJobs } from '../webhook-faults/open-jobs.ts';
import { type RemoteReceiver, startRemoteReceiver } from '../webhook-faults/remote-receiver.ts';
import { startWebhookSystem, type WebhookSystem } from '../webhook-faults/webhook-system.ts';

/*
 * Endpoints that drip, flood, lie and hang, next to one that works. All belong to one tenant, so each job's end is sent
 * to all of them.
 */
const DEADLINE_MS = 6_000;
/** A slot is free again within the deadline plus this much: a busy machine may stand still, but two deadlines are longer. */
const MARGIN_MS = 5_000;
const MAX_GROWTH_MB = 20;
const WARM_UPS = 3_000;
const JOBS = 40;
/** Attempts before a breaker opens and leaves an endpoint alone. */
const ATTEMPTS = 5;

const resources = new AsyncDisposableStack();
let system: WebhookSystem;
let hostile: HostileEndpoints;
let healthy: RemoteReceiver;

beforeAll(async () => {
  system = resources.use(
    await startWebhookSystem({
      processes: 1,
      durable: false,
      env: {
        ERRAND_WEBHOOKS_ATTEMPT_TIMEOUT_MS: String(DEADLINE_MS),
        // A small heap, so that memory follows what is in use.
        NODE_OPTIONS: '--max-semi-space-size=1 --max-old-space-size=128',
      },
    }),
  );
  healthy = resources.use(await startRemoteReceiver({ ports: 1, delayMs: 0 }));
  hostile = resources.use(await startHostileEndpoints());
});

afterAll(() => resources.disposeAsync());

test('an endpoint can hold a slot no longer than the deadline, whatever it answers, and harms nobody', async () => {
  await system.addEndpoints([{ tenant_id: 'hostile', url: `${healthy.urls[0]}/healthy` }]);
  await endJobs(system.bus, await openJobs(system.bus, Array<string>(WARM_UPS).fill('hostile')));
  await healthy.until(WARM_UPS);
  await healthy.take();
  const wanted = [...hostile.urls.values()].map((url) => ({ tenant_id: 'hostile', url }));
  const records = await system.addEndpoints(wanted);
  const names = [...hostile.urls.keys()];
  const nameOf = new Map(records.map(({ endpoint_id }, index) => [endpoint_id, names[index]]));

  const pid = system.members[0]?.pid ?? 0;
  const before = await memoryMb(pid);
  let peak = before;
  const sampling = setInterval(async () => {
    peak = Math.max(peak, await memoryMb(pid));
  }, 50);
  const latenciesMs = await tellInTurn(JOBS);
  const attempts = await waitUntil(
    async () => {
      const made = Map.groupBy(await attemptsOf([...nameOf.keys()]), ({ endpoint_id }) => endpoint_id);
      const few = [...nameOf].filter(([id]) => (made.get(id)?.length ?? 0) < ATTEMPTS);
      if (few.length > 0) throw new Error(`few attempts: ${few.map(([, name]) => name).join(', ')}`);
      return made;
    },
    { timeoutMs: 90_000, intervalMs: 250 },
  );
  clearInterval(sampling);
  // While breakers hold many of them back, the working one is served as usual.
  latenciesMs.push(...(await tellInTurn(JOBS)));
  const after = await memoryMb(pid);

  console.table(
    [...attempts].map(([id, made]) => ({
      endpoint: nameOf.get(id),
      attempts: made.length,
      longest_ms: Math.max(...made.map(({ duration_ms }) => duration_ms)),
      result: [...new Set(made.map(({ error_code, status }) => error_code ?? `delivered (${status})`))].join(
        ', ',
      ),
    })),
  );
  const at = (share: number) => Math.round(percentile(latenciesMs, share));
  console.log('hostile receivers', {
    memory_mb: { before, peak, after },
    healthy: { deliveries: latenciesMs.length, p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1) },
  });

  const late = [...attempts.values()].flat().filter((made) => made.duration_ms > DEADLINE_MS + MARGIN_MS);
  expect(late.map(({ endpoint_id, duration_ms }) => [nameOf.get(endpoint_id), duration_ms])).toEqual([]);
  expect(Math.max(peak, after) - before).toBeLessThan(MAX_GROWTH_MB);
  expect(await repeatedAttempts([...nameOf.keys()])).toEqual([]);
  expect(await system.errors()).toEqual([]);
});

/** Ends jobs, each once the healthy endpoint has received the one before; resolves with how long that took, ms. */
async function tellInTurn(count: number): Promise<number[]> {
  const latenciesMs: number[] = [];
  for (const job of await openJobs(system.bus, Array<string>(count).fill('hostile'))) {
    const { eventId, storedMs } = await endJob(system.bus, job);
    await healthy.until(1);
    const { eventIds, atMs } = await healthy.take();
    expect(eventIds).toEqual([eventId]);
    latenciesMs.push((atMs[0] ?? Number.NaN) - storedMs);
  }
  return latenciesMs;
}

function attemptsOf(endpointIds: readonly string[]) {
  const columns = ['endpoint_id', 'duration_ms', 'status', 'error_code'] as const;
  return system.db
    .selectFrom('webhook_attempt')
    .select(columns)
    .where('endpoint_id', 'in', endpointIds)
    .execute();
}

/** For endpoints other than these: deliveries that took more than one attempt. */
function repeatedAttempts(endpointIds: readonly string[]) {
  const attempts = system.db.selectFrom('webhook_attempt').where('endpoint_id', 'not in', endpointIds);
  return attempts.selectAll().where('attempt', '>', 1).execute();
}

/** Memory of a process; 0 if it cannot be determined. */
async function memoryMb(pid: number): Promise<number> {
  return process.platform === 'linux' ? Math.round((await residentMb(pid)).now) : 0;
}
