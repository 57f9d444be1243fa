import type { Bus } from '@errand/bus';
import { connectionOf } from '@errand/bus/testing';
import { JOBS_STREAM, type JobEvent, type JobRef, jobSubjects } from '@errand/contracts';

/** An event of a job as the log holds it, whoever wrote it. */
export interface LoggedEvent {
  readonly version: number;
  /** The fifth word of its subject, such as `started`. */
  readonly token: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly storedAtMs: number;
  /** As it should be, unchecked. Undefined if it is not JSON. */
  readonly event: JobEvent | undefined;
}

/** The `source` of events that the test itself writes. */
export const OWN_SOURCE = '/errand/conformance';

const SCHEDULER_SOURCE = '/errand/scheduler';

const ENDINGS = ['succeeded', 'failed', 'canceled', 'expired'];
const NOT_FOUND = 10_037;

/** A message in an answer of `$JS.API.STREAM.MSG.GET`. */
interface StoredMessage {
  readonly seq: number;
  readonly subject: string;
  readonly hdrs?: string;
  readonly data?: string;
  readonly time: string;
}

/** Every event of a job in its order, with its headers. `first` is the version of its first event. */
export async function eventsOfJob(
  bus: Bus,
  { ref, first }: { ref: JobRef; first: number },
): Promise<LoggedEvent[]> {
  const events: LoggedEvent[] = [];
  for (let seq = first; ; ) {
    const message = await storedMessage(bus, JOBS_STREAM, { seq, next_by_subj: jobSubjects(ref) });
    if (!message) return events;
    events.push(loggedEvent(message));
    seq = message.seq + 1;
  }
}

/** A message of a stream, by a request of JetStream's API; undefined if there is none. */
async function storedMessage(
  bus: Bus,
  stream: string,
  wanted: Record<string, unknown>,
): Promise<StoredMessage | undefined> {
  const answer = await connectionOf(bus).request(`$JS.API.STREAM.MSG.GET.${stream}`, JSON.stringify(wanted), {
    timeout: 2_000,
  });
  const { message, error } = answer.json<{
    message?: StoredMessage;
    error?: { err_code: number; description: string };
  }>();
  if (message || error?.err_code === NOT_FOUND) return message;
  throw new Error(`${stream} was not read: ${error?.description}`);
}

/** The headers of a stored message by name. */
function headersOf({ hdrs = '' }: StoredMessage): Map<string, string> {
  const lines = Buffer.from(hdrs, 'base64').toString('utf8').split('\r\n').slice(1);
  return new Map(
    lines
      .filter((line) => line.includes(':'))
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
  );
}

export function isEnding({ token }: LoggedEvent): boolean {
  return ENDINGS.includes(token);
}

/** Whether the executor under test wrote it. */
export function isTheirs({ event }: LoggedEvent): boolean {
  return event?.source !== OWN_SOURCE && event?.source !== SCHEDULER_SOURCE;
}

/** A job's events in one line, such as `requested started#1 succeeded#1`. */
export function told(events: readonly LoggedEvent[]): string {
  if (events.length === 0) return 'nothing';
  return events
    .map(({ token, event }) => {
      const data = event?.data ?? {};
      return 'attempt' in data ? `${token}#${data.attempt}` : token;
    })
    .join(' ');
}

function loggedEvent(message: StoredMessage): LoggedEvent {
  let event: JobEvent | undefined;
  try {
    event = JSON.parse(Buffer.from(message.data ?? '', 'base64').toString('utf8'));
  } catch {
    event = undefined;
  }
  return {
    version: message.seq,
    token: message.subject.split('.')[4] ?? '',
    headers: headersOf(message),
    storedAtMs: Date.parse(message.time),
    event,
  };
}
