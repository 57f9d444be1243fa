import {
  ActionContract,
  BUCKETS,
  type ConsumerSpec,
  executorConsumer,
  redriveConsumer,
  TIMERS_CONSUMER,
} from '@errand/contracts';
import { waitUntil } from '@errand/testkit';
import { storedMessage } from '../logged-events.ts';
import { must, type ProcessStage, type Rule, RuleBroken, RuleSkipped, type Stage } from '../rule.ts';
import { consumerInfo, workOfAction } from '../standings.ts';
import { ACTIONS, LIMITS } from '../wanted-actions.ts';

const FLOOD = 40;
const LONG_MS = 7_000;

export const announcing: readonly Rule[] = [
  { id: 'P1', kind: 'alongside', title: 'makes its consumers', check: makesConsumers },
  { id: 'P2', kind: 'process', title: 'announces its contracts, each once', check: announcesOnce },
  { id: 'P3', kind: 'alone', title: 'holds only what it runs', check: holdsWhatItRuns },
  { id: 'P4', kind: 'alongside', title: 'renews its lease', check: renews },
];

async function makesConsumers({ bus, leaseMs }: Stage): Promise<string> {
  const specs = [
    TIMERS_CONSUMER,
    ...ACTIONS.flatMap((action) => {
      const spec = executorConsumer(action, leaseMs);
      return [spec, redriveConsumer(spec.name)];
    }),
  ];
  for (const spec of specs) {
    const info = await consumerInfo(bus, spec.stream, spec.name);
    must(info !== undefined, `${spec.stream} has no consumer ${spec.name}`);
    for (const [key, value] of Object.entries(configOf(spec))) {
      const seen = JSON.stringify(sorted(info.config[key]));
      must(seen === JSON.stringify(sorted(value)), `${spec.name} has ${key} ${seen}`);
    }
  }
  return `${specs.length} consumers`;
}

function configOf(spec: ConsumerSpec): Record<string, unknown> {
  const [only, ...others] = spec.filterSubjects;
  return {
    ...(others.length === 0 ? {} : { filter_subjects: [only, ...others] }),
    ack_policy: 'explicit',
    max_deliver: -1,
    ack_wait: spec.ackWaitMs * 1_000_000,
    max_ack_pending: spec.maxAckPending,
  };
}

function sorted(value: unknown): unknown {
  return Array.isArray(value) ? value.toSorted() : value;
}

async function announcesOnce({ bus, play, candidate }: ProcessStage): Promise<string> {
  const sequences = async () => {
    const found = await Promise.all(
      ACTIONS.map(async (action) => {
        const subject = `$KV.${BUCKETS.actions}.${action}`;
        const message = await storedMessage(bus, `KV_${BUCKETS.actions}`, { last_by_subj: subject });
        const contract = ActionContract.safeParse(
          JSON.parse(Buffer.from(message?.data ?? '', 'base64').toString('utf8')),
        );
        must(contract.success, `the contract of ${action}: ${contract.error?.message}`);
        const { name, max_attempts, timeout_ms } = contract.data;
        must(name === action, `${action} is announced as ${name}`);
        const limits = JSON.stringify({ max_attempts, timeout_ms });
        must(limits === JSON.stringify(LIMITS), `${action} has ${limits}, not ${JSON.stringify(LIMITS)}`);
        return message?.seq;
      }),
    );
    return found.join();
  };
  const before = await sequences();
  await candidate.none();
  await candidate.start();
  await play.ended(await play.request('conformance_echo', {}));
  must(before === (await sequences()), 'contracts that had not changed were written again');
  return `${ACTIONS.length} contracts, none written again by another start`;
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
        seen = `${held} held, ${running} running of ${FLOOD}`;
        return running > 0 && held === running;
      },
      { timeoutMs: Math.min(patienceMs, LONG_MS) },
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
