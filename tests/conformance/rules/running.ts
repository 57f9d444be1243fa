import { isDeepStrictEqual } from 'node:util';
import { waitUntil } from '@errand/testkit';
import { isEnding, isTheirs, type LoggedEvent, told } from '../logged-events.ts';
import { must, type ProcessStage, type Rule, RuleBroken, type Stage } from '../rule.ts';
import { executorOf, liveContract, untilSettled } from '../standings.ts';
import { LIMITS, SECRET } from '../wanted-actions.ts';

/** Longer than any test waits for a job that should be stopped, shorter than the action's timeout. */
const LONG_MS = 7_000;
const INPUT = { text: 'Grüße, 世界', list: [1, 2.5, null, true], nested: { empty: {} } };

export const running: readonly Rule[] = [
  { id: 'P8', kind: 'alongside', title: 'runs a job once, from start to result', check: runsOnce },
  {
    id: 'P9',
    kind: 'alongside',
    title: 'writes nothing after an ending',
    check: stopsWhenEnded,
    audit: endedOnce,
  },
  { id: 'P10', kind: 'process', title: 'does not run an ended job', check: leavesEnded },
  { id: 'P11', kind: 'alongside', title: 'stops a job that is canceled', check: cancels },
  { id: 'P12', kind: 'alongside', title: 'fails for good where the action says so', check: failsForGood },
  {
    id: 'P13',
    kind: 'alongside',
    title: 'tries again, and fails when all attempts are used',
    check: triesAgain,
  },
  { id: 'P16', kind: 'alongside', title: 'stops an attempt that takes too long', check: timesOut },
];

async function runsOnce(stage: Stage): Promise<string> {
  const { play } = stage;
  const job = await play.request('conformance_echo', INPUT);
  await play.ended(job);
  await untilSettled(stage, await executorOf(stage.bus, 'conformance_echo'), job.first);
  const events = await play.eventsOf(job);
  must(told(events) === 'requested started#1 succeeded#1', told(events));
  const data = events[2]?.event?.data;
  const result = data && 'result' in data ? data.result : undefined;
  must(isDeepStrictEqual(result, INPUT), `the result is ${JSON.stringify(result)}, not the input`);
  return `${told(events)}, acknowledged`;
}

async function stopsWhenEnded(stage: Stage): Promise<string> {
  const { bus, play, patienceMs } = stage;
  const job = await play.request('conformance_sleep', { ms: LONG_MS });
  const begun = await play.until(job, 'a start', (events) => executorIdOf(events) !== undefined);
  await play.append(job, { type: 'JobExpired', data: { deadline: 'finish_by' } });
  const isThrough = async () => !(await bus.commands.askHolds(executorIdOf(begun) ?? '', job.ref.jobId));
  await waitUntil(isThrough, { timeoutMs: patienceMs }).catch((cause) => {
    throw new RuleBroken('the executor still holds the job', { cause });
  });
  const events = await play.eventsOf(job);
  must(told(events) === 'requested started#1 expired', told(events));
  return told(events);
}

async function endedOnce({ play }: Stage): Promise<string> {
  for (const job of play.jobs) {
    const events = await play.eventsOf(job);
    const end = events.findIndex(isEnding);
    const after = end < 0 ? [] : events.slice(end + 1).filter(isTheirs);
    must(after.length === 0, `${told(events)}: written after the ending`);
  }
  return `${play.jobs.length} jobs, nothing after an ending`;
}

/**
 * Canceled while no executor was running: the request, and then the due, is delivered for the first time after that.
 */
async function leavesEnded(stage: ProcessStage): Promise<string> {
  const { play, candidate } = stage;
  const by = 'conformance';
  await candidate.none();
  const job = await play.request('conformance_echo', {});
  await play.append(job, { type: 'JobStarted', data: { attempt: 1, executor_id: by } });
  const { contract_id } = (await liveContract(stage.bus, 'conformance_echo')).contract;
  const due = await play.append(job, {
    type: 'JobDue',
    data: { reason: 'retry', contract_id, handed_over_by: by },
  });
  await play.append(job, { type: 'JobCanceled', data: { by } });
  const before = told(await play.eventsOf(job));
  await candidate.start();
  await untilSettled(stage, await executorOf(stage.bus, 'conformance_echo'), due);
  const after = told(await play.eventsOf(job));
  must(after === before, after);
  return `${after}, acknowledged`;
}

async function cancels({ play }: Stage): Promise<string> {
  const job = await play.request('conformance_sleep', { ms: LONG_MS });
  await play.until(job, 'a start', (events) => executorIdOf(events) !== undefined);
  await play.append(job, { type: 'JobCancelRequested', data: { by: 'somebody' } });
  const events = await play.ended(job);
  const ending = events.find(isEnding)?.event;
  must(ending?.type === 'JobCanceled', told(events));
  must(ending.data.by === 'somebody', `canceled by ${ending.data.by}, not by who asked for it`);
  return told(events);
}

async function failsForGood({ play }: Stage): Promise<string> {
  const events = await play.ended(await play.request('conformance_permanent', {}));
  must(told(events) === 'requested started#1 failed#1', told(events));
  const ending = events.at(-1)?.event;
  const code = ending?.type === 'JobFailed' ? ending.data.error.code : undefined;
  must(code === 'conformance_permanent', `the code is ${code}`);
  return `${told(events)}, ${code}`;
}

async function triesAgain({ play }: Stage): Promise<string> {
  const events = await play.ended(await play.request('conformance_fail', {}));
  const wanted = 'requested started#1 retrying#1 due started#2 failed#2';
  must(told(events) === wanted, `${told(events)}, not ${wanted}`);
  const retrying = events[2]?.event;
  const codes = events.flatMap(({ event }) =>
    event && 'error' in event.data ? [event.data.error.code] : [],
  );
  must(
    codes.every((code) => code === 'action_failed'),
    `the codes are ${codes}`,
  );
  must(retrying?.type === 'JobRetrying' && retrying.data.retry_at > retrying.time, 'retry_at is not later');
  must(!JSON.stringify(events).includes(SECRET), "callers could read the exception's text");
  return told(events);
}

async function timesOut({ play }: Stage): Promise<string> {
  const job = await play.request('conformance_sleep', { ms: 10 * LIMITS.timeout_ms });
  const events = await play.until(job, 'the end of the attempt', (seen) =>
    seen.some(({ token }) => token === 'retrying' || isEnding({ token } as LoggedEvent)),
  );
  const retrying = events.find(({ token }) => token === 'retrying')?.event;
  const code = retrying?.type === 'JobRetrying' ? retrying.data.error.code : undefined;
  must(code === 'timed_out', `${told(events)}, ${code}`);
  await play.append(job, { type: 'JobCanceled', data: { by: 'conformance' } });
  return `${told(events)}, ${code}`;
}

/** The executor that began the newest attempt. */
export function executorIdOf(events: readonly LoggedEvent[]): string | undefined {
  const started = events.findLast(({ token }) => token === 'started')?.event;
  return started?.type === 'JobStarted' ? started.data.executor_id : undefined;
}
