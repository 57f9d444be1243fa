import type { Bus } from '@errand/bus';
import { connectionOf } from '@errand/bus/testing';
import { BUCKETS, ExecutorHeartbeat, JOBS_STREAM } from '@errand/contracts';
import { waitUntil } from '@errand/testkit';
import { isEnding } from '../logged-events.ts';
import { must, type ProcessStage, type Rule, RuleBroken, RuleSkipped, type Stage } from '../rule.ts';
import { liveContract, workOfAction } from '../standings.ts';
import { ACTIONS, LIMITS } from '../wanted-actions.ts';

const FLOOD = 40;
const LONG_MS = 7_000;

export const announcing: readonly Rule[] = [
  { id: 'P1', kind: 'alongside', title: 'announces its contracts', check: announces },
  { id: 'P2', kind: 'process', title: 'tells that it lives', check: livesAudibly },
  { id: 'P3', kind: 'alone', title: 'holds only what it runs', check: holdsWhatItRuns },
  { id: 'P4', kind: 'alongside', title: 'renews its lease', check: renews },
];

/** The contracts exist, or the test would not have begun. */
async function announces({ bus }: Stage): Promise<string> {
  for (const action of ACTIONS) {
    const { contract } = await liveContract(bus, action);
    const { max_attempts, timeout_ms } = contract;
    const limits = JSON.stringify({ max_attempts, timeout_ms });
    must(limits === JSON.stringify(LIMITS), `${action} has ${limits}, not ${JSON.stringify(LIMITS)}`);
  }
  const answer = await connectionOf(bus).request(`$JS.API.CONSUMER.LIST.${JOBS_STREAM}`, '');
  const { consumers } = answer.json<{ consumers: { name: string; config: { durable_name?: string } }[] }>();
  const durable = consumers.filter(({ config }) => config.durable_name !== undefined);
  const foreign = durable.map(({ name }) => name).filter((name) => !/^executor-[a-z0-9_]+-[0-3]$/.test(name));
  must(foreign.length === 0, `there are consumers ${foreign.join(', ')}`);
  return `${ACTIONS.length} contracts, no consumer of its own`;
}

async function livesAudibly({ bus, candidate, patienceMs }: ProcessStage): Promise<string> {
  await candidate.none();
  const copy = await candidate.start();
  const heartbeats = await bus.buckets.open(BUCKETS.executors, ExecutorHeartbeat);
  const servers = async () => {
    const ids = await executorIds(bus);
    const all = await Promise.all(ids.map((id) => heartbeats.get(id)));
    return all.filter((each) => each !== undefined);
  };
  const isAlive = ({ contracts }: ExecutorHeartbeat) =>
    ACTIONS.every((action) => contracts.some((each) => each.action === action && each.slots > 0));
  const before = new Set((await servers()).map(({ executor_id }) => executor_id));
  const alive = await waitUntil(
    async () => (await servers()).find((each) => !before.has(each.executor_id) && isAlive(each)),
    { timeoutMs: patienceMs },
  ).catch((cause) => {
    throw new RuleBroken('no heartbeat tells of the actions', { cause });
  });
  copy.signal('SIGTERM');
  await copy.exited;
  const after = (await servers()).map(({ executor_id }) => executor_id);
  must(!after.includes(alive.executor_id), 'the heartbeat of a stopped executor is still there');
  await candidate.start();
  return `${alive.contracts.length} contracts in a heartbeat that is gone with its executor`;
}

async function executorIds(bus: Bus): Promise<string[]> {
  const query = JSON.stringify({ subjects_filter: `$KV.${BUCKETS.executors}.>` });
  const answer = await connectionOf(bus).request(`$JS.API.STREAM.INFO.KV_${BUCKETS.executors}`, query);
  const { state } = answer.json<{ state: { subjects?: Record<string, number> } }>();
  return Object.keys(state.subjects ?? {}).map((subject) => subject.split('.').slice(2).join('.'));
}

async function holdsWhatItRuns({ bus, play, patienceMs }: Stage): Promise<string> {
  const jobs = await Promise.all(
    Array.from({ length: FLOOD }, () => play.request('conformance_sleep', { ms: LONG_MS })),
  );
  let seen = '';
  let running = 0;
  try {
    await waitUntil(
      async () => {
        const { num_ack_pending: held } = await workOfAction(bus, 'conformance_sleep');
        const all = await Promise.all(jobs.map((job) => play.eventsOf(job)));
        running = all.filter((events) => events.at(-1)?.token === 'started').length;
        const open = all.filter((events) => !events.some(isEnding)).length;
        seen = `${held} held, ${running} running of ${FLOOD}`;
        // Whoever holds all runs all that are left in the end.
        return running > 0 && held === running && (held < open || open === FLOOD);
      },
      { timeoutMs: patienceMs },
    );
  } catch (cause) {
    throw new RuleBroken(seen, { cause });
  } finally {
    await Promise.all(
      jobs.map(async (job) => {
        const isRunning = (await play.eventsOf(job)).at(-1)?.token === 'started';
        const by = 'conformance';
        await play.append(
          job,
          isRunning ? { type: 'JobCancelRequested', data: { by } } : { type: 'JobCanceled', data: { by } },
        );
      }),
    );
  }
  return seen;
}

async function renews({ bus, play, leaseMs }: Stage): Promise<string> {
  if (2.5 * leaseMs >= LIMITS.timeout_ms) {
    throw new RuleSkipped(
      `a lease of ${leaseMs} ms is too long for this: start it with ERRAND_LEASE_MS=2000`,
    );
  }
  const job = await play.request('conformance_sleep', { ms: 2.5 * leaseMs });
  let again = 0;
  const events = await play.until(job, 'a result', async (seen) => {
    again = Math.max(again, (await workOfAction(bus, 'conformance_sleep')).num_redelivered);
    return seen.some(({ token }) => token === 'succeeded');
  });
  must(again === 0, `${again} delivered again while the executor lived`);
  const starts = events.filter(({ token }) => token === 'started').length;
  must(starts === 1, `${starts} starts`);
  return `one delivery in ${2.5 * leaseMs} ms, with a lease of ${leaseMs} ms`;
}
