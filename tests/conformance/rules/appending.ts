import { JobEvent, jobSubjects } from '@errand/contracts';
import { compileSchema } from '@errand/json-schema';
import { HEADERS } from '../../../tools/protocol/headers.ts';
import { protocolSchemas } from '../../../tools/protocol/schemas.ts';
import { isEnding, isTheirs, type LoggedEvent, told } from '../logged-events.ts';
import { must, type Rule, type Stage } from '../rule.ts';

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

export const appending: readonly Rule[] = [
  {
    id: 'P5',
    kind: 'alongside',
    title: 'writes events that fit their schemas',
    check: keepsTrace,
    audit: fitSchemas,
  },
  { id: 'P6', kind: 'alongside', title: 'guards every append', check: guardsOne, audit: allGuarded },
  { id: 'P7', kind: 'alongside', title: 'decides anew after a conflict', check: decidesAnew },
];

async function keepsTrace({ play }: Stage): Promise<string> {
  const job = await play.request('conformance_echo', {}, { traceparent: TRACEPARENT });
  const theirs = (await play.ended(job)).filter(isTheirs);
  const lost = theirs.filter(({ event }) => event?.traceparent !== TRACEPARENT);
  must(lost.length === 0, `the request's traceparent is not in ${told(lost)}`);
  return 'the traceparent is kept';
}

async function fitSchemas({ play }: Stage): Promise<string> {
  const validators = new Map(
    Object.entries(protocolSchemas('draft-2020-12')).map(([name, schema]) => [name, compileSchema(schema)]),
  );
  const ids = new Set<string>();
  let count = 0;
  for (const job of play.jobs) {
    for (const { token, version, event } of (await play.eventsOf(job)).filter(isTheirs)) {
      const validate = validators.get(event?.type ?? '');
      must(
        event !== undefined && validate !== undefined,
        `${version}, ${token}, is of no type: ${event?.type}`,
      );
      const [error] = validate(event, 0);
      must(error === undefined, `${version}, ${event.type}: ${error?.pointer} ${error?.detail}`);
      const { success, error: wrong } = JobEvent.safeParse(event);
      must(success, `${version}, ${event.type}: ${wrong?.issues[0]?.path.join('.')}`);
      must(event.subject === job.ref.jobId, `${version} has the subject ${event.subject}`);
      must(!ids.has(event.id), `${version} has the id of another event`);
      ids.add(event.id);
      count += 1;
    }
  }
  return `${count} events fit`;
}

async function guardsOne({ play }: Stage): Promise<string> {
  const events = await play.ended(await play.request('conformance_echo', {}));
  must(events.at(-1)?.token === 'succeeded', told(events));
  return 'a job ended';
}

async function allGuarded({ play }: Stage): Promise<string> {
  let count = 0;
  for (const job of play.jobs) {
    const events = await play.eventsOf(job);
    for (const [index, entry] of events.entries()) {
      if (!isTheirs(entry)) continue;
      const { headers, token, version } = entry;
      const before = String(events[index - 1]?.version ?? 0);
      const sequence = headers.get(HEADERS.guardSequence);
      const subject = headers.get(HEADERS.guardSubject);
      must(
        sequence === before,
        `${token} ${version} is guarded by ${sequence ?? 'nothing'}, after ${before}`,
      );
      must(
        subject === jobSubjects(job.ref),
        `${token} ${version} has the guard ${subject ?? 'of no subject'}`,
      );
      must(!headers.has(HEADERS.messageId), `${token} ${version} has a ${HEADERS.messageId}`);
      count += 1;
    }
  }
  return `${count} appends, each guarded by its predecessor`;
}

/** An unreadable event is stored without its knowledge; the job must still come to its end. */
async function decidesAnew({ play }: Stage): Promise<string> {
  const job = await play.request('conformance_sleep', { ms: 1_000 });
  await play.until(job, 'a start', hasStarted);
  const unreadable = { attempt: 1, percent: 'of a later program' as unknown as number };
  const version = await play.append(job, { type: 'JobProgressed', data: unreadable });
  const events = await play.ended(job);
  const last = events.find(isEnding);
  must(told(events) === 'requested started#1 progressed#1 succeeded#1' && last !== undefined, told(events));
  must(last.version > version, `${told(events)}: the ending is not after the event ${version}`);
  return told(events);
}

function hasStarted(events: readonly LoggedEvent[]): boolean {
  return events.some(({ token }) => token === 'started');
}
