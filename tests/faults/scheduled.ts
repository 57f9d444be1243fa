import { setTimeout as sleep } from 'node:timers/promises';
import type { RecordedEvent } from '@errand/contracts';
import type { Client } from './client.ts';
import type { Violation } from './promise-check.ts';

/* Jobs that nobody asks for but the clock, beside the load. */

const SCHEDULES = 2;
const EVERY_S = 1;
const AGAIN_MS = 500;
const DRAFT = { action: 'quick', every_s: EVERY_S, catch_up: 'all' };

/** Makes schedules that tick each second and make up for whatever they miss. Resolves with their ids. */
export async function makeSchedules(client: Client): Promise<string[]> {
  const ids: string[] = [];
  for (let each = 1; each <= SCHEDULES; each++) {
    const body = { ...DRAFT, external_id: `faults-${each}` };
    const made = (await patiently(client, '/schedules', body)) as { schedule_id: string };
    ids.push(made.schedule_id);
  }
  return ids;
}

/** Lets them tick no more. */
export async function pauseSchedules(client: Client, ids: readonly string[]): Promise<void> {
  for (const id of ids) await patiently(client, `/schedules/${id}/pause`, {});
}

/** Asks until it is answered: each of these calls may be repeated. */
async function patiently(client: Client, path: string, body: object): Promise<unknown> {
  for (;;) {
    const answer = await client.ask('POST', `/v2/tenants/${client.tenantId}${path}`, { body });
    if (answer.kind === 'answered' && answer.status < 300) return answer.body;
    if (answer.kind === 'answered' && answer.status < 500) {
      throw new Error(`${path} was answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    }
    await sleep(AGAIN_MS);
  }
}

/** Each instant must have one job, from the first one on. */
export function checkTicks(
  ids: readonly string[],
  log: ReadonlyMap<string, readonly RecordedEvent[]>,
): { ticks: number; violations: Violation[] } {
  const requests = [...log.values()].flat().flatMap(({ event }) => {
    return event.type === 'JobRequested' && event.data.schedule ? [event.data.schedule] : [];
  });
  const violations: Violation[] = [];
  for (const id of ids) {
    const instants = requests.flatMap(({ schedule_id, at }) => (schedule_id === id ? [Date.parse(at)] : []));
    instants.sort((a, b) => a - b);
    const [first = 0] = instants;
    if (instants.length === 0) violations.push({ kind: 'no_tick', detail: id });
    const wrong = instants.findIndex((instant, index) => instant !== first + index * EVERY_S * 1_000);
    if (wrong >= 0) {
      const at = new Date(instants[wrong] ?? 0).toISOString();
      violations.push({
        kind: 'wrong_tick',
        detail: `${id} at ${at}: one is missing before it, or is there twice`,
      });
    }
  }
  return { ticks: requests.length, violations };
}
