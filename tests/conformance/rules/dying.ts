import { connectionOf } from '@errand/bus/testing';
import { executorSubject } from '@errand/contracts';
import { waitUntil } from '@errand/testkit';
import { isEnding, type LoggedEvent, told } from '../logged-events.ts';
import type { PlayedJob } from '../play.ts';
import { must, type ProcessStage, type Rule, RuleBroken } from '../rule.ts';
import { workOfAction } from '../standings.ts';
import { LIMITS } from '../wanted-actions.ts';
import { executorIdOf } from './running.ts';

export const dying: readonly Rule[] = [
  { id: 'P17', kind: 'process', title: 'takes over from an executor that was killed', check: takesOver },
  { id: 'P18', kind: 'process', title: 'asks the executor that may still run the job', check: asksFirst },
  { id: 'P19', kind: 'process', title: 'fails a job whose attempts all died', check: countsDeaths },
  { id: 'P20', kind: 'process', title: 'writes nothing once it was taken over from', check: staysOut },
  { id: 'P21', kind: 'process', title: 'hands its jobs over when it is stopped', check: handsOver },
  { id: 'P22', kind: 'process', title: 'shares the work with its copies', check: shares },
];

async function takesOver({ play, candidate }: ProcessStage): Promise<string> {
  await candidate.none();
  await candidate.start();
  const job = await play.request('conformance_sleep', { ms: 3_000 });
  const first = await startOf({ play }, job, 1);
  await candidate.none();
  await candidate.start();
  const events = await play.ended(job);
  must(told(events) === 'requested started#1 started#2 succeeded#2', told(events));
  must(executorIdOf(events) !== first, 'both starts have the same executor_id');
  return told(events);
}

/** The test itself is the executor that is asked. */
async function asksFirst({ bus, play, candidate, patienceMs }: ProcessStage): Promise<string> {
  await candidate.none();
  const job = await play.request('conformance_echo', {});
  const holder = `conformance-${job.ref.jobId}`;
  await play.append(job, { type: 'JobStarted', data: { attempt: 1, executor_id: holder } });
  const answers: string[] = [];
  let begunBeforeNo = false;
  const subscription = connectionOf(bus).subscribe(executorSubject(holder), {
    callback: (_error, question) => {
      const answer = question.string() !== job.ref.jobId ? 'no' : answers.length === 0 ? 'yes' : 'no';
      answers.push(answer);
      question.respond(answer);
    },
  });
  try {
    await candidate.start();
    await waitUntil(
      async () => {
        const starts = (await play.eventsOf(job)).filter(({ token }) => token === 'started').length;
        if (starts > 1 && answers.length < 2) begunBeforeNo = true;
        return begunBeforeNo || answers.length >= 2;
      },
      { timeoutMs: patienceMs },
    ).catch((cause) => {
      throw new RuleBroken(`${answers.length} questions, not two`, { cause });
    });
    must(!begunBeforeNo, `begun after ${answers.length} questions, answered ${answers.join()}`);
    const events = await play.ended(job);
    must(told(events) === 'requested started#1 started#2 succeeded#2', told(events));
    return `asked, answered ${answers.slice(0, 2).join(', then ')}: ${told(events)}`;
  } finally {
    subscription.unsubscribe();
  }
}

async function countsDeaths({ play, candidate }: ProcessStage): Promise<string> {
  await candidate.none();
  const job = await play.request('conformance_echo', {});
  for (let attempt = 1; attempt <= LIMITS.max_attempts; attempt++) {
    await play.append(job, { type: 'JobStarted', data: { attempt, executor_id: `dead-${attempt}` } });
  }
  await candidate.start();
  const events = await play.ended(job);
  must(told(events) === 'requested started#1 started#2 failed#2', told(events));
  const ending = events.at(-1)?.event;
  const code = ending?.type === 'JobFailed' ? ending.data.error.code : undefined;
  must(code === 'attempts_exhausted', `the code is ${code}`);
  return `${told(events)}, ${code}`;
}

async function staysOut({ bus, play, candidate, patienceMs }: ProcessStage): Promise<string> {
  await candidate.none();
  const paused = await candidate.start();
  const job = await play.request('conformance_sleep', { ms: 5_000 });
  const first = await startOf({ play }, job, 1);
  paused.signal('SIGSTOP');
  await candidate.start();
  await startOf({ play }, job, 2);
  paused.signal('SIGCONT');
  const isThrough = async () => !(await bus.commands.askHolds(first, job.ref.jobId));
  await waitUntil(isThrough, { timeoutMs: patienceMs }).catch((cause) => {
    throw new RuleBroken('the executor that was paused still holds the job', { cause });
  });
  const { num_ack_pending: held } = await workOfAction(bus, 'conformance_sleep');
  // Such a report predates the check: a job that has ended by now proves nothing about the message.
  if (!(await play.eventsOf(job)).some(isEnding)) must(held === 1, 'it acknowledged what another one runs');
  const events = await play.ended(job);
  must(told(events) === 'requested started#1 started#2 succeeded#2', told(events));
  return told(events);
}

async function handsOver({ play, candidate }: ProcessStage): Promise<string> {
  await candidate.none();
  const copy = await candidate.start();
  const job = await play.request('conformance_sleep', { ms: 4_000 });
  const first = await startOf({ play }, job, 1);
  copy.signal('SIGTERM');
  const given = await play.until(job, 'a hand-over', (events) => events.some(({ token }) => token === 'due'));
  const due = given.find(({ token }) => token === 'due')?.event;
  const by = due?.type === 'JobDue' ? due.data.handed_over_by : undefined;
  must(by === first, `handed over by ${by}, begun by ${first}`);
  await copy.exited;
  await candidate.start();
  const events = await play.ended(job);
  must(told(events) === 'requested started#1 due started#1 succeeded#1', told(events));
  return told(events);
}

const ROUND = 8;

async function shares({ play, candidate, patienceMs }: ProcessStage): Promise<string> {
  await candidate.none();
  await candidate.start();
  await candidate.start();
  const ids = new Set<string | undefined>();
  let count = 0;
  await waitUntil(
    async () => {
      const jobs = await Promise.all(
        Array.from({ length: ROUND }, () => play.request('conformance_sleep', { ms: 500 })),
      );
      const all = await Promise.all(jobs.map((job) => play.ended(job)));
      for (const events of all) {
        if (told(events) !== 'requested started#1 succeeded#1') throw new RuleBroken(told(events));
        ids.add(executorIdOf(events));
      }
      count += jobs.length;
      return ids.size >= 2;
    },
    { timeoutMs: patienceMs },
  ).catch((cause) => {
    throw new RuleBroken(`${count} jobs, run by ${ids.size} of two copies`, { cause });
  });
  return `${count} jobs, each run once, by ${ids.size} copies`;
}

/** The executor that began the attempt with this number, once it has begun. */
async function startOf(
  { play }: Pick<ProcessStage, 'play'>,
  job: PlayedJob,
  attempt: number,
): Promise<string> {
  const isStart = ({ event }: LoggedEvent) => event?.type === 'JobStarted' && event.data.attempt === attempt;
  const events = await play.until(job, `a start of attempt ${attempt}`, (seen) => seen.some(isStart));
  return executorIdOf(events.filter(isStart)) ?? '';
}
