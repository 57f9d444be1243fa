import { isTheirs, type LoggedEvent, told } from '../logged-events.ts';
import { must, type Rule, type Stage } from '../rule.ts';
import { executorOf, untilSettled } from '../standings.ts';

const START_AFTER_MS = 2_500;
/** How far clocks may differ. */
const CLOCK_MS = 1_000;

export const waiting: readonly Rule[] = [
  {
    id: 'P14',
    kind: 'alongside',
    title: 'leaves waits for another attempt to the scheduler',
    check: waitsToRetry,
  },
  {
    id: 'P15',
    kind: 'alongside',
    title: 'leaves jobs alone that start later, and runs those that were carried meanwhile',
    check: waitsToStart,
  },
];

async function waitsToRetry(stage: Stage): Promise<string> {
  const { bus, play } = stage;
  const job = await play.request('conformance_fail', {});
  const isDue = (events: readonly LoggedEvent[]) => events.some(({ token }) => token === 'due');
  const events = await play.until(job, 'another attempt', isDue);
  const retrying = events.find(({ token }) => token === 'retrying')?.event;
  const retryAt = retrying?.type === 'JobRetrying' ? retrying.data.retry_at : '';
  endedByTheScheduler(events, retryAt);
  await untilSettled(stage, await executorOf(bus, 'conformance_fail'), job.first);
  return `due no earlier than ${retryAt}, by the scheduler`;
}

async function waitsToStart({ play }: Stage): Promise<string> {
  const startAfter = new Date(Date.now() + START_AFTER_MS).toISOString();
  const events = await play.ended(await play.request('conformance_echo', {}, { startAfter }));
  must(told(events) === 'requested due started#1 succeeded#1', told(events));
  endedByTheScheduler(events, startAfter);
  const carriedUntil = new Date(Date.now() + CLOCK_MS).toISOString();
  const carried = await play.ended(await play.request('conformance_echo', {}, { carriedUntil }));
  must(told(carried) === 'carried#1 due started#2 succeeded#2', told(carried));
  return `${told(events)}, ${told(carried)}`;
}

function endedByTheScheduler(events: readonly LoggedEvent[], at: string): void {
  const due = events.find(({ token }) => token === 'due');
  must(
    due !== undefined && due.storedAtMs >= Date.parse(at) - CLOCK_MS,
    'the wait was ended before its time',
  );
  must(!isTheirs(due), 'the executor itself has ended the wait');
}
