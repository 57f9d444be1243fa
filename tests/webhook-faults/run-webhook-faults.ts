import { setTimeout as sleep } from 'node:timers/promises';
import { isEndingType, WEBHOOKS_READER, type WebhookEndpoint } from '@errand/contracts';
import { readLogPosition } from '@errand/postgres';
import { waitUntil } from '@errand/testkit';
import { createRandom, type Random } from '../faults/random.ts';
import { checkDeliveries, pairOf } from './delivery-check.ts';
import { type Ending, startEndingLoad } from './ending-load.ts';
import {
  ENDINGS_PER_S,
  ENDPOINTS_PER_TENANT,
  PROCESSES,
  SLOTS,
  TENANTS,
  type WebhookFaultForm,
} from './fault-forms.ts';
import { monotonicMs } from './open-jobs.ts';
import { type RemoteReceiver, startRemoteReceiver } from './remote-receiver.ts';
import { type Phase, reportOf, type WebhookFaultReport } from './webhook-fault-report.ts';
import { startWebhookSystem, type WebhookSystem } from './webhook-system.ts';

/** How long an endpoint takes to answer, so that kills find attempts under way. */
const ANSWER_MS = 20;
const PORTS = 4;

/**
 * Writes endings into the log at a fixed rate while processes of the service are killed and its servers are stopped,
 * one kind of fault after the other; then compares what the log acknowledged with what the endpoints received and the
 * tables hold.
 */
export async function runWebhookFaults(options: {
  form: WebhookFaultForm;
  seed: number;
  say: (line: string) => void;
}): Promise<WebhookFaultReport> {
  const { form, seed, say } = options;
  await using resources = new AsyncDisposableStack();
  const receiver = resources.use(await startRemoteReceiver({ ports: PORTS, delayMs: ANSWER_MS }));
  const system = resources.use(
    await startWebhookSystem({
      processes: PROCESSES,
      durable: false,
      env: { ERRAND_WEBHOOKS_SLOTS: String(SLOTS), ERRAND_WEBHOOKS_LEASE_MS: String(form.leaseMs) },
    }),
  );
  const tenantIds = Array.from({ length: TENANTS }, (_, index) => `tenant-${index}`);
  const endpoints = await system.addEndpoints(endpointsOf(tenantIds, receiver));
  const totalMs = form.killing.forMs + 2 * form.awayMs + 4 * form.pauseMs;
  const load = await startEndingLoad(system.bus, {
    tenantIds,
    perSecond: ENDINGS_PER_S,
    // Stopping and starting a server takes time too.
    most: Math.ceil(((totalMs + 60_000) * ENDINGS_PER_S) / 1_000),
  });
  const phases = await disturb({ form, system, random: createRandom(seed), say });
  await load.stop();
  const beganMs = monotonicMs();
  say('nothing is disturbed any more');
  const left = await settle(system, form.settleMs);
  const settledMs = monotonicMs() - beganMs;
  const { endings } = load;
  // The table first: what it calls delivered has then been received, even while work is left.
  const deliveries = await deliveriesOf(system);
  const arrivals = await receiver.take();
  const byPath = new Map(endpoints.map((endpoint) => [new URL(endpoint.url).pathname, endpoint]));
  const received = arrivals.eventIds.map((eventId, index) => ({
    pair: pairOf(eventId, byPath.get(arrivals.paths[index] ?? '')?.endpoint_id ?? 'nobody'),
    atMs: arrivals.atMs[index] ?? Number.NaN,
  }));
  const check = checkDeliveries({
    expected: expectedPairs(endings, endpoints),
    received: received.map(({ pair }) => pair),
    deliveries,
  });
  return reportOf({
    form,
    seed,
    phases,
    check,
    received,
    endings,
    endpoints,
    left,
    settledMs,
    falls: system.members.flatMap(({ falls }) => falls),
    errors: await system.errors(),
  });
}

function endpointsOf(tenantIds: readonly string[], { urls }: RemoteReceiver) {
  return tenantIds.flatMap((tenant_id) =>
    Array.from({ length: ENDPOINTS_PER_TENANT }, (_, index) => ({
      tenant_id,
      url: `${urls[index % urls.length]}/${tenant_id}/${index}`,
    })),
  );
}

/** Causes all faults, one kind after the other; resolves with when each kind began. */
async function disturb(options: {
  form: WebhookFaultForm;
  system: WebhookSystem;
  random: Random;
  say: (line: string) => void;
}): Promise<Phase[]> {
  const { form, system, random, say } = options;
  const { killing, awayMs, pauseMs } = form;
  const phases: Phase[] = [];
  const phase = async (name: string, run: () => Promise<number>) => {
    say(name);
    const begun = { name, fromMs: monotonicMs(), faults: 0 };
    phases.push(begun);
    begun.faults = await run();
  };
  await phase('undisturbed', () => sleep(pauseMs, 0));
  await phase('kills', async () => {
    const kills = await killInTurns(system, killing, random);
    await Promise.all(system.members.map((member) => member.ready()));
    await sleep(pauseMs);
    return kills;
  });
  for (const name of ['postgres', 'nats'] as const) {
    await phase(`${name} stopped`, async () => {
      await system[name].stop();
      await sleep(awayMs);
      await system[name].restart();
      await sleep(pauseMs);
      return 1;
    });
  }
  return phases;
}

async function killInTurns(
  { members }: WebhookSystem,
  { forMs, everyMs }: WebhookFaultForm['killing'],
  random: Random,
): Promise<number> {
  let kills = 0;
  for (let passedMs = 0; passedMs < forMs; passedMs += everyMs) {
    const alive = members.filter((member) => member.isActive());
    if (alive.length > 0) {
      random.pick(alive).kill();
      kills += 1;
    }
    await sleep(everyMs);
  }
  return kills;
}

/** Resolves when nothing is left to do, or with what is left when the time is up. */
async function settle({ db, bus }: WebhookSystem, timeoutMs: number): Promise<string | undefined> {
  const isOver = async () => {
    const left = await leftInLog({ db, bus });
    if (left > 0) throw new Error(`${left} events are not taken in`);
    const pending = db.selectFrom('webhook_delivery').where('state', '=', 'pending');
    const { count } = await pending
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow();
    if (count > 0) throw new Error(`${count} deliveries are pending`);
    return true;
  };
  try {
    await waitUntil(isOver, { timeoutMs, intervalMs: 250 });
    return undefined;
  } catch (error) {
    return String(error);
  }
}

/** Endings that the intake has not passed. */
async function leftInLog({ db, bus }: Pick<WebhookSystem, 'db' | 'bus'>): Promise<number> {
  const afterVersion = (await readLogPosition(db, WEBHOOKS_READER.name)) ?? 0;
  let left = 0;
  for await (const { decoded } of bus.jobs.readAll({ afterVersion, pageSize: 1_000 })) {
    left += decoded.filter((each) => each.kind === 'event' && isEndingType(each.recorded.event.type)).length;
  }
  return left;
}

function expectedPairs(endings: readonly Ending[], endpoints: readonly WebhookEndpoint[]): Set<string> {
  const ofTenant = Map.groupBy(endpoints, ({ tenant_id }) => tenant_id);
  return new Set(
    endings.flatMap(({ eventId, tenantId }) =>
      (ofTenant.get(tenantId) ?? []).map(({ endpoint_id }) => pairOf(eventId, endpoint_id)),
    ),
  );
}

async function deliveriesOf({ db }: WebhookSystem): Promise<Map<string, string>> {
  const rows = await db.selectFrom('webhook_delivery').select(['event_id', 'endpoint_id', 'state']).execute();
  return new Map(rows.map(({ event_id, endpoint_id, state }) => [pairOf(event_id, endpoint_id), state]));
}
