import { TIMERS_CONSUMER, TIMERS_STREAM, timerSubjects } from '@errand/contracts';
import { waitUntil } from '@errand/testkit';
import { HEADERS } from '../../protocol/headers.ts';
import { headersOf, storedMessage, told } from '../logged-events.ts';
import type { PlayedJob } from '../play.ts';
import { must, type Rule, RuleBroken, type Stage } from '../rule.ts';
import { untilSettled } from '../standings.ts';

const START_AFTER_MS = 2_500;
/** What clocks may differ by. */
const CLOCK_MS = 1_000;

export const waiting: readonly Rule[] = [
  { id: 'P14', kind: 'alongside', title: 'leaves its waits to the server', check: setsWaits },
  { id: 'P15', kind: 'alongside', title: 'ends waits when they are over, and no others', check: endsWaits },
];

async function setsWaits(stage: Stage): Promise<string> {
  const { play } = stage;
  const job = await play.request('conformance_fail', {});
  const events = await play.until(job, 'a failed attempt', (seen) =>
    seen.some(({ token }) => token === 'retrying'),
  );
  const retrying = events.find(({ token }) => token === 'retrying')?.event;
  const retryAt = retrying?.type === 'JobRetrying' ? retrying.data.retry_at : '';
  return checkWait(stage, job, retryAt);
}

async function checkWait({ bus, patienceMs }: Stage, job: PlayedJob, at: string): Promise<string> {
  const { wait, due } = timerSubjects(job.ref);
  let headers: ReadonlyMap<string, string> = new Map();
  await waitUntil(
    async () => {
      const message = await storedMessage(bus, TIMERS_STREAM, { last_by_subj: wait });
      if (message) headers = headersOf(message);
      return message;
    },
    { timeoutMs: patienceMs },
  ).catch((cause) => {
    throw new RuleBroken(`there is no wait on ${wait}`, { cause });
  });
  const schedule = headers.get(HEADERS.schedule) ?? '';
  const time = Date.parse(schedule.replace(/^@at /, ''));
  must(
    schedule.startsWith('@at ') && time === Date.parse(at),
    `the wait is '${schedule}', retry_at is ${at}`,
  );
  const target = headers.get(HEADERS.scheduleTarget);
  must(target === due, `the wait's target is ${target}, not ${due}`);
  must(headers.get(HEADERS.ttl) === 'never', `the wait's TTL is ${headers.get(HEADERS.ttl)}`);
  return `a schedule ${schedule}`;
}

async function endsWaits(stage: Stage): Promise<string> {
  const { play } = stage;
  const startAfter = new Date(Date.now() + START_AFTER_MS).toISOString();
  const later = await play.request('conformance_echo', {}, { startAfter });
  const ended = await play.request('conformance_echo', {});
  const before = told(await play.ended(ended));
  // Of a job that waits no more.
  const stray = await play.publish(timerSubjects(ended.ref).due, '');
  const events = await play.ended(later);
  must(told(events) === 'requested due started#1 succeeded#1', told(events));
  const due = events[1];
  must(
    due?.event?.type === 'JobDue' && due.event.data.reason === 'start_after',
    `the reason is not start_after`,
  );
  must(due.storedAtMs >= Date.parse(startAfter) - CLOCK_MS, 'the job was begun before its time');
  await untilSettled(stage, TIMERS_CONSUMER, stray);
  const after = told(await play.eventsOf(ended));
  must(after === before, `${after}, for the end of a wait that there was not`);
  return `${told(events)}; the end of no wait left ${after}`;
}
