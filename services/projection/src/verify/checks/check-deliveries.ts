import { setTimeout as sleep } from 'node:timers/promises';
import { WEBHOOKS_READER, type WebhookEndpoint } from '@errand/contracts';
import { readLogPosition } from '@errand/postgres';
import { type Ending, endpointsOwed } from '../expected-deliveries.ts';
import {
  deliveriesKeptSince,
  type Head,
  type Owed,
  overdueHeads,
  readDisabled,
  withoutDelivery,
} from '../stored-deliveries.ts';
import type { VerifyRun } from '../verify-context.ts';

export interface DeliveryCheck {
  onEnding(ending: Ending): Promise<void>;
  /** Looks a second time at what had no delivery. */
  finish(): Promise<void>;
}

const LOOKED_UP_AT_ONCE = 1_000;
const MAX_MISSING = 10_000;

/** Collects the endings that an endpoint must have been told of, and looks for their deliveries. */
export async function startDeliveryCheck(run: VerifyRun): Promise<DeliveryCheck> {
  const { db, graceMs } = run.deps;
  const endpoints = Map.groupBy(await run.deps.readEndpoints(), ({ tenant_id }) => tenant_id);
  const disabled = await readDisabled(db);
  const keptSinceMs = await deliveriesKeptSince(db, run.startedMs);
  const takenUpTo = (await readLogPosition(db, WEBHOOKS_READER.name)) ?? 0;
  const startedMs = await logTime(run);
  const missing: Owed[] = [];
  let owed: Owed[] = [];

  async function lookUp(): Promise<void> {
    run.checked.deliveries += owed.length;
    for (const each of await withoutDelivery(db, owed)) {
      if (missing.length < MAX_MISSING) missing.push(each);
      else run.counts.unconfirmed++;
    }
    owed = [];
  }

  return {
    async onEnding(ending) {
      const { eventId, version, timeMs, filedMs, job } = ending;
      const { tenantId, jobId } = job;
      const candidates = endpoints.get(tenantId);
      // An ending that waits to be taken up is under way, but not for ever.
      const isDue = version <= takenUpTo || filedMs + graceMs < startedMs;
      if (!candidates || !isDue || timeMs < keptSinceMs) return;
      for (const { endpoint_id: endpointId } of endpointsOwed(ending, candidates, disabled)) {
        owed.push({ eventId, endpointId, jobId, tenantId });
      }
      if (owed.length >= LOOKED_UP_AT_ONCE) await lookUp();
    },
    async finish() {
      await lookUp();
      if (missing.length === 0) return;
      const stillThere = recordsOf(await run.deps.readEndpoints());
      const before = recordsOf([...endpoints.values()].flat());
      const stillDisabled = await readDisabled(db);
      for (let from = 0; from < missing.length; from += LOOKED_UP_AT_ONCE) {
        const page = missing.slice(from, from + LOOKED_UP_AT_ONCE);
        for (const { jobId, eventId, endpointId } of await withoutDelivery(db, page)) {
          if (stillThere.get(endpointId) !== before.get(endpointId)) continue;
          if (stillDisabled.has(endpointId) && !disabled.has(endpointId)) continue;
          run.findings.add('delivery_missing', { id: `${eventId} ${endpointId}`, detail: `job ${jobId}` });
        }
      }
    },
  };
}

/**
 * Finds healthy endpoints whose next delivery is long due and does not change between two looks.
 * @throws LogUnavailable; AbortError
 */
export async function checkStuckDeliveries(run: VerifyRun): Promise<void> {
  const { db, graceMs, secondLookMs } = run.deps;
  const look = () => overdueHeads(db, { graceMs, tenantId: run.tenantId });
  const first = await withRecord(run, await look());
  if (first.length === 0) return;
  await sleep(secondLookMs, undefined, { signal: run.signal });
  const keys = new Set(first.map(keyOf));
  for (const head of await withRecord(run, await look())) {
    if (!keys.has(keyOf(head))) continue;
    const detail = `${head.eventId}, due at ${head.dueAt.toISOString()}`;
    run.findings.add('delivery_stuck', { id: head.endpointId, detail });
  }
}

/** Those of endpoints that are to be called, and have been for a while. */
async function withRecord(run: VerifyRun, heads: readonly Head[]): Promise<Head[]> {
  if (heads.length === 0) return [];
  const settledBefore = (await logTime(run)) - run.deps.graceMs;
  const records = new Map((await run.deps.readEndpoints()).map((each) => [each.endpoint_id, each]));
  return heads.filter(({ endpointId }) => {
    const record = records.get(endpointId);
    return record?.enabled && record.storedMs < settledBefore;
  });
}

/** Now, by the clock of the log, which dates what is stored there. */
async function logTime({ deps: { bus, now } }: VerifyRun): Promise<number> {
  return now() - (await bus.clockAheadMs(now));
}

function keyOf({ endpointId, eventId, attempts }: Head): string {
  return `${endpointId} ${eventId} ${attempts}`;
}

function recordsOf(endpoints: readonly WebhookEndpoint[]): Map<string, string> {
  return new Map(endpoints.map((each) => [each.endpoint_id, each.updated_at]));
}
