import { randomUUIDv7 } from 'node:crypto';
import { LogUnavailable } from '@errand/bus';
import {
  type ActionContract,
  type AwaitedAttempt,
  type CallbackMethod,
  CallbackTerms,
  type JobStatus,
  TIGHT_EVENT_BYTES,
  termsContext,
  toJobEvent,
} from '@errand/contracts';
import { type Command, decide, type JobState, requestIn } from '@errand/domain';
import { compileSchema, type Validator } from '@errand/json-schema';
import { Refusal } from '../http/problem.ts';
import { refusalOfFlaws } from '../http/read-body.ts';
import { type Ctx, endsOfWait } from '../http/request-log.ts';
import { putJson } from '../runs/request-job.ts';
import type { CallbacksGroup } from './callbacks-group.ts';
import { GATEWAY, isEndedByCall, isSameEnding, judgeCall, type Said, type Verdict } from './judge-call.ts';
import { isSigned } from './signature.ts';
import { type Awaited, type Standing, standingOf } from './standing.ts';

/*
 * One call to an attempt, whose token was good:
 *
 *   the job …                                            the answer is
 *   waits for the call                                   200, once the job's ending is in the log
 *   was ended by the same call                           200
 *   was ended by another call                            409
 *   waits no longer, or has ended otherwise              410
 *   does not wait yet                                    as above, once it does; 503 after a while
 *
 * Who has not signed the call, where the action wants that, is told none of this. A call is judged by what the log says,
 * and its ending is appended behind the version that it was judged on: so one call counts, whatever else comes.
 */

export interface Call {
  readonly method: CallbackMethod;
  readonly headers: Headers;
  /** What its sender has signed. */
  readonly bytes: Uint8Array;
  /** @throws Refusal for a body that is no JSON */
  readonly said: () => Said;
}

/** In which everything is answered, also where the log is slow. */
const ANSWER_MS = 4_800;

/**
 * Ends the job as the call says, once.
 * @throws Refusal bad_signature, method_not_allowed, callback_taken, callback_over, callback_early, invalid_result, and
 * those of the body; LogUnavailable
 */
export function endByCall(
  c: Ctx,
  callbacks: CallbacksGroup['callbacks'],
  { attempt, call }: { attempt: AwaitedAttempt; call: Call },
): Promise<{ status: JobStatus }> {
  return inTime(
    untilWaiting(c, callbacks, attempt, async (standing) => {
      const terms = termsOf(callbacks, attempt, standing);
      if (terms) assertSender(terms, call);
      if (standing.kind === 'over' || !terms) throw overOf(standing.state);
      if (standing.kind === 'ended') {
        const { ending, state } = standing;
        if (!ending || !isEndedByCall(ending, attempt.attempt)) throw overOf(state);
        // What the job has ended with has been checked.
        const verdict = judgeCall(terms, call.said(), () => []);
        if (!isSameEnding(verdict, ending)) throw new Refusal('callback_taken');
        return { status: statusOf(state) };
      }
      const validate = await validatorFor(callbacks, standing.state);
      const verdict = judgeCall(terms, call.said(), validate);
      const command = await commandOf(callbacks, { attempt, awaited: standing.awaited, verdict });
      return append(callbacks, standing, { attempt, command });
    }),
  );
}

/**
 * Tells how far the work is, by a call of the same sender.
 * @throws the same
 */
export function progressByCall(
  c: Ctx,
  callbacks: CallbacksGroup['callbacks'],
  told: { attempt: AwaitedAttempt; call: Call; read: (said: Said) => { percent: number; message?: string } },
): Promise<{ status: JobStatus }> {
  const { attempt, call, read } = told;
  return inTime(
    untilWaiting(c, callbacks, attempt, async (standing) => {
      const terms = termsOf(callbacks, attempt, standing);
      if (terms?.verify && !isSigned(terms.verify, call)) throw new Refusal('bad_signature');
      if (standing.kind !== 'waits') throw overOf(standing.state);
      const progress = read(call.said());
      if (!isDue(callbacks, standing.state)) return { status: statusOf(standing.state) };
      const command: Command = { type: 'reportProgress', attempt: attempt.attempt, ...progress };
      return append(callbacks, standing, { attempt, command });
    }),
  );
}

type Known = Extract<Standing, { state: JobState }>;

/** Makes tries until one has an answer: again after a lost race, and after a wait while it is too early. */
async function untilWaiting<T>(
  c: Ctx,
  callbacks: CallbacksGroup['callbacks'],
  attempt: AwaitedAttempt,
  act: (standing: Known) => Promise<T | 'again'>,
): Promise<T> {
  const tryOnce = async (): Promise<T | 'early'> => {
    for (;;) {
      const standing = await readStanding(callbacks, attempt);
      if (standing.kind === 'unknown') throw new Refusal('unknown_callback');
      if (standing.kind === 'early') return 'early';
      const done = await act(standing);
      if (done !== 'again') return done;
    }
  };
  const first = await tryOnce();
  if (first !== 'early') return first;
  const { waitMs } = callbacks;
  using changes = callbacks.watch.follow(attempt, { signals: endsOfWait(c), timeoutMs: waitMs });
  for (;;) {
    const done = await tryOnce();
    if (done !== 'early') return done;
    const wake = await changes.next();
    if (wake === 'timeout' || wake === 'aborted') throw new Refusal('callback_early');
  }
}

/** The log alone, and for a job that has left it, the audit log. */
async function readStanding(
  { bus, longLog }: CallbacksGroup['callbacks'],
  { tenantId, action, jobId, attempt }: AwaitedAttempt,
): Promise<Standing> {
  const ref = { tenantId, action, jobId };
  const events = await bus.jobs.read(ref);
  return standingOf(requestIn(events) ? events : await longLog.read(ref), attempt);
}

function termsOf(
  { keys }: CallbacksGroup['callbacks'],
  attempt: AwaitedAttempt,
  { awaited }: Known,
): CallbackTerms | undefined {
  if (!awaited) return undefined;
  const opened = keys.boxOf(attempt.action).open(awaited.operation.terms, termsContext(attempt));
  return CallbackTerms.parse(JSON.parse(opened));
}

function assertSender(terms: CallbackTerms, call: Call): void {
  if (!terms.methods.includes(call.method)) {
    throw new Refusal('method_not_allowed', { headers: { allow: terms.methods.join(', ') } });
  }
  if (terms.verify && !isSigned(terms.verify, call)) throw new Refusal('bad_signature');
}

/** @throws LogUnavailable */
async function validatorFor(
  { catalogue }: CallbacksGroup['callbacks'],
  { action, request }: JobState,
): Promise<Validator> {
  const live = await catalogue.findContract(action, request.value?.data.contract_id);
  if (!live) throw new LogUnavailable('the contract of the job is not known');
  return validatorOf(live.contract);
}

const validators = new WeakMap<ActionContract['result_schema'], Validator>();

function validatorOf({ result_schema: schema }: ActionContract): Validator {
  const known = validators.get(schema);
  if (known) return known;
  const validate = compileSchema(schema);
  validators.set(schema, validate);
  return validate;
}

/** @throws Refusal for a call that ends nothing */
async function commandOf(
  { bus, inlinePayloadBytes, resultRoom, logRoom, now }: CallbacksGroup['callbacks'],
  {
    attempt: { tenantId, jobId, attempt },
    awaited,
    verdict,
  }: { attempt: AwaitedAttempt; awaited: Awaited; verdict: Verdict },
): Promise<Command> {
  const durationMs = Math.max(0, now() - Date.parse(awaited.beganAt));
  // A log without room for runs is kept for what cannot do without it.
  const inlineBytes = logRoom.hasRoom() ? inlinePayloadBytes : TIGHT_EVENT_BYTES;
  switch (verdict.kind) {
    case 'inexact':
      throw refusalOfFlaws(verdict.errors);
    case 'invalid':
      throw new Refusal('invalid_result', { errors: verdict.errors });
    case 'failed': {
      const { code, message, details } = verdict.error;
      const isFit = JSON.stringify(details ?? null).length <= inlineBytes;
      return { type: 'failAttempt', attempt, error: isFit ? verdict.error : { code, message }, durationMs };
    }
    case 'succeeded': {
      const json = Buffer.from(verdict.json);
      if (json.length <= inlineBytes) {
        return { type: 'succeedAttempt', attempt, result: JSON.parse(verdict.json), durationMs };
      }
      const resultRef = await putJson(bus, { tenantId, jobId, json, room: resultRoom });
      return { type: 'succeedAttempt', attempt, resultRef, durationMs };
    }
  }
}

/** `again`: something else was written first. */
async function append(
  { bus, now }: CallbacksGroup['callbacks'],
  { state, traceparent }: { state: JobState; traceparent: string | undefined },
  { attempt: { tenantId, action, jobId }, command }: { attempt: AwaitedAttempt; command: Command },
): Promise<{ status: JobStatus } | 'again'> {
  const decision = decide(command, state);
  if (decision.kind === 'rejected') throw overOf(state);
  const event = toJobEvent(decision.fact, {
    id: randomUUIDv7(),
    jobId,
    source: GATEWAY,
    timeMs: now(),
    traceparent,
  });
  const ref = { tenantId, action, jobId };
  const written = await bus.jobs.append({
    ref,
    event,
    expectedVersion: state.version,
    deadlineMs: ANSWER_MS,
  });
  if (written.kind === 'conflict') return 'again';
  if (event.type === 'JobProgressed') return { status: statusOf(state) };
  return { status: event.type === 'JobFailed' ? 'failed' : 'succeeded' };
}

/** Whether progress may be written: not too often, and not where the log has to keep its room. */
function isDue(
  { logRoom, now, progressIntervalMs }: CallbacksGroup['callbacks'],
  { progress }: JobState,
): boolean {
  const lastMs = progress.value ? Date.parse(progress.value.updatedAt) : Number.NEGATIVE_INFINITY;
  return logRoom.hasRoom() && now() - lastMs >= progressIntervalMs;
}

function statusOf({ phase }: JobState): JobStatus {
  return phase.value.status ?? 'running';
}

function overOf(state: JobState): Refusal {
  const isCanceling = statusOf(state) === 'running' && state.cancelRequested.value !== null;
  const more = isCanceling ? ', and is to be canceled' : '';
  return new Refusal('callback_over', {
    detail: `The job waits for this call no longer: it is ${statusOf(state)}${more}.`,
  });
}

/** @throws LogUnavailable: what was begun may still be written, and the same call again finds that out */
async function inTime<T>(answer: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new LogUnavailable('the log did not answer a callback in time')),
    ANSWER_MS,
  );
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
