import { type AttemptOutcome, CallbackUnavailable, causeOf, failed } from '@errand/actions/execution';
import { EventTooLarge, LogFull, LogUnavailable, PayloadTooLarge, type Verdict } from '@errand/bus';
import { FAULT_CODES, type JobFault, TIGHT_EVENT_BYTES } from '@errand/contracts';
import { type Command, type Operation, type RecordedRequest, retryDelayMs } from '@errand/domain';
import { traceIdOf } from '@errand/runtime';
import { createAttemptLog } from '../isolation/attempt-log.ts';
import type { ExecutorDeps, Target } from '../serving/on-job-requested.ts';
import { briefFault } from '../serving/tight-log.ts';
import { type LoadedInput, loadInput, payloadHooks, storeLargeResult } from './attempt-payloads.ts';
import type { AttemptTrace } from './attempt-trace.ts';
import { type AttemptWatch, watchAttempt } from './attempt-watch.ts';
import { awaitedOperation, callbackUrl, isMissed, MISSED } from './await-call.ts';
import { createCallerLog } from './caller-log.ts';
import { cancelOutside } from './cancel-outside.ts';
import { createJobLog, type JobLog } from './job-log.ts';
import type { JobWriter, WriteOutcome } from './job-writer.ts';
import { createProgressReporter } from './progress-reporter.ts';
import { writeFault } from './write-fault.ts';

/*
 * One attempt, from JobStarted to what its outcome leads to:
 *
 *   the attempt …                                        is written as      the event is
 *   returned a result                                    JobSucceeded       settled
 *   failed for good, or was the last one allowed         JobFailed          settled
 *   failed otherwise                                     JobRetrying        settled
 *   waits for an operation outside                       JobDeferred        settled: the scheduler ends the wait
 *   waits for a call from outside                        JobDeferred        settled: a gateway ends the job, or the scheduler
 *                                                                           the wait, and then the attempt has failed
 *   was stopped because cancel was requested             JobCanceled        settled
 *   was stopped because it is run elsewhere, or ended    nothing            left to the other executor, or settled
 *   was stopped because this process is told to stop     JobDue             settled: JobDue is what others take up
 *   was stopped because this process has failed          nothing            given back: the attempt is used up
 *
 * A job that ends without its operation has that canceled, before JobCanceled is written, so that whoever takes the job
 * over does it instead of an executor that dies meanwhile.
 */

interface AttemptContext {
  readonly writer: JobWriter;
  readonly request: RecordedRequest;
  /** What an earlier begin has deferred for. */
  readonly operation: Operation | undefined;
  readonly target: Target;
  readonly deps: ExecutorDeps;
  /** Whether it is to run alone in a process. */
  readonly isolated: boolean;
  readonly trace: AttemptTrace;
  /** The executor that the job was taken over from. */
  readonly takenFrom: string | undefined;
}

const LOOK_ANEW_MS = 50;
/** Of an event with progress, roughly. */
const PROGRESS_BYTES = 1_000;

type Outcome = AttemptOutcome | { kind: 'interrupted' };

export async function runAttempt(context: AttemptContext): Promise<Verdict> {
  const { writer, request, deps } = context;
  const { ref } = request;
  const about = { job_id: ref.jobId, tenant_id: ref.tenantId, action: ref.action };
  const log = createJobLog(deps.log, { ...about, trace_id: traceIdOf(request.event.traceparent) });
  const onError = (err: unknown) => log().warn({ err }, 'job_not_read');
  const watch = watchAttempt({ writer, onError });
  deps.atWork.set(ref.jobId, watch);
  if (deps.giveUp.aborted) watch.stop('given_up');
  try {
    return await startAndRun(context, watch, log);
  } finally {
    watch.close();
  }
}

async function startAndRun(begun: AttemptContext, watch: AttemptWatch, jobLog: JobLog): Promise<Verdict> {
  let context = begun;
  const { writer, target, deps, isolated, trace } = context;
  const { maxAttempts } = target.action.retry;
  const loaded = await loadInput(deps.bus, context.request.event.data);
  const { executorId } = deps;
  const ending = { ...context, loaded, log: jobLog };
  const isCanceled = (writer.state()?.cancelRequested.value ?? null) !== null;
  if (isCanceled && !(await cancelOutside(ending, context.operation))) return { kind: 'again', afterMs: 0 };
  trace.begin();
  const start = await writer.writeOnce({ type: 'startAttempt', executorId, maxAttempts, isolated });
  const hasBegun = start.kind === 'written' && start.recorded.event.type === 'JobStarted';
  if (!hasBegun) trace.end('not_begun');
  // Not as it was known to be: another executor may run it, so it has to be looked at anew.
  if (start.kind === 'conflict') return { kind: 'again', afterMs: LOOK_ANEW_MS };
  if (start.kind === 'rejected') return verdictOf(start);
  const { event } = start.recorded;
  // Nothing to run: every allowed attempt was begun already, or cancel was requested. That was the ending.
  if (event.type !== 'JobStarted') {
    if (event.type === 'JobFailed') await cancelOutside(ending, context.operation);
    return { kind: 'done' };
  }
  const { attempt } = event.data;
  if (context.takenFrom !== undefined)
    deps.bus.commands.tellTaken(context.takenFrom, context.request.ref.jobId);
  const log = createJobLog(deps.log, { ...jobLog.about, attempt });
  watch.begin(attempt);
  const began = performance.now();
  const missed = isMissed(context.operation, attempt);
  // What an earlier attempt waited for is nothing to this one.
  if (missed === false) context = { ...context, operation: undefined };
  const ran = missed ? MISSED : asPromised(target, await run(context, { attempt, loaded, watch, log }));
  const outcome = await keepResult(context, ran, { watch, log });
  const durationMs = performance.now() - began;
  const result = outcomeName(outcome, watch);
  const cause = outcome.kind === 'failed' ? outcome.cause : undefined;
  const ended = { ...log.about, outcome: result, duration_ms: durationMs, cause };
  deps.log.info(ended, 'attempt_ended');
  deps.onAttemptEnded(target.action.contract.name, result, durationMs);
  trace.end(result, attempt);
  return conclude(context, { outcome, attempt, durationMs, loaded, watch, log });
}

async function run(
  { writer, request, operation, target, deps, isolated, trace }: AttemptContext,
  { attempt, loaded, watch, log }: { attempt: number; loaded: LoadedInput; watch: AttemptWatch; log: JobLog },
): Promise<Outcome> {
  if (loaded.kind === 'gone') return failed('input_gone');
  const progress = createProgressReporter(deps.progressIntervalMs, async (value) => {
    if (await deps.isLogTight(PROGRESS_BYTES)) return;
    try {
      const outcome = await writer.write({ type: 'reportProgress', attempt, ...value });
      if (outcome.kind === 'rejected') watch.stop('superseded');
    } catch (err) {
      log().warn({ err }, 'progress_not_written');
    }
  });
  const { resource, metadata } = request.event.data;
  const { jobId, tenantId } = request.ref;
  const { signal } = watch;
  const over = createEnd(signal);
  const told = createCallerLog({
    limits: deps.limits,
    store: deps.bus.jobLogs.writer(request.ref, attempt),
    now: deps.now,
    onLost: () => log().warn('caller_log_not_stored'),
  });
  const outcome = await target.runner.run(
    {
      jobId,
      tenantId,
      input: loaded.input,
      resource,
      metadata,
      attempt,
      traceparent: trace.traceparent(),
      operation: operation && {
        address: operation.address,
        elapsedMs: elapsedMs(operation, deps),
      },
      remainingMs: Date.parse(request.event.data.finish_by) - deps.logNow(),
    },
    {
      ...payloadHooks({ ...deps, ref: request.ref, signal: over.signal }),
      signal,
      callbackUrl: () => callbackUrl({ ...request.ref, attempt }, deps),
      progress: progress.report,
      log: createAttemptLog(log, deps.limits, target.action.logs === 'caller' ? told : undefined),
      output: told.output,
    },
    isolated,
  );
  over.end();
  await Promise.all([progress.stop(), told.end()]);
  return outcome;
}

/** What an attempt stores is given up when it is over. The signal is made by whoever asks for it, as few attempts do. */
function createEnd(stopped: AbortSignal): { signal(): AbortSignal; end(): void } {
  const over = new AbortController();
  let signal: AbortSignal | undefined;
  return {
    signal: () => (signal ??= AbortSignal.any([stopped, over.signal])),
    end: () => over.abort(OVER),
  };
}

const OVER = new Error('the attempt is over');

/** The caller was promised the result of the contract that the job was taken under, whichever code has run it. */
function asPromised({ checkResult }: Target, outcome: Outcome): Outcome {
  if (outcome.kind !== 'succeeded' || outcome.resultRef || !checkResult) return outcome;
  const errors = checkResult(outcome.json);
  return errors.length === 0 ? outcome : failed('invalid_result', errors);
}

/** Stores a large result, for as long as somebody waits for the attempt. */
async function keepResult(
  { request, deps }: AttemptContext,
  outcome: Outcome,
  { watch, log, inlineBytes }: { watch: AttemptWatch; log: JobLog; inlineBytes?: number },
): Promise<Outcome> {
  if (outcome.kind !== 'succeeded' || outcome.resultRef) return outcome;
  const { bus } = deps;
  const inlinePayloadBytes = inlineBytes ?? (await inlineLimit(deps, outcome.json));
  const limits = { ...deps.limits, inlinePayloadBytes };
  const onDelay = (err: unknown) => log().warn({ err }, 'result_not_stored_yet');
  try {
    const { json } = outcome;
    const { signal } = watch;
    const resultRef = await storeLargeResult({ bus, ref: request.ref, json, limits, signal, onDelay });
    return resultRef ? { ...outcome, resultRef } : outcome;
  } catch (error) {
    if (error instanceof PayloadTooLarge) return failed('result_too_large', [{ max_bytes: error.maxBytes }]);
    if (watch.signal.aborted) return { kind: 'interrupted' };
    return failed('result_not_stored', undefined, causeOf(error));
  }
}

/** How large a result may be that lies in its event, in bytes: little where the log has to keep its room. */
async function inlineLimit({ limits, isLogTight }: ExecutorDeps, json = ''): Promise<number> {
  const bytes = Buffer.byteLength(json);
  const isLarge = bytes > TIGHT_EVENT_BYTES && bytes <= limits.inlinePayloadBytes;
  return isLarge && (await isLogTight(bytes)) ? TIGHT_EVENT_BYTES : limits.inlinePayloadBytes;
}

/** Writes what the outcome leads to and tells what becomes of the event. */
async function conclude(context: AttemptContext, ended: Ended): Promise<Verdict> {
  const { writer, operation, target, deps } = context;
  const { outcome, attempt, watch } = ended;
  const durationMs = operation ? elapsedMs(operation, deps) : ended.durationMs;
  const ending = { ...context, ...ended };
  if (outcome.kind === 'interrupted') {
    if (watch.signal.reason === 'canceled') {
      if (!(await cancelOutside(ending, operation))) return { kind: 'again', afterMs: 0 };
      return verdictOf(await writer.write({ type: 'stopAttempt', attempt }, { persist: true }));
    }
    // Read when the signal fired: the job is run elsewhere, or has ended.
    if (watch.signal.reason === 'superseded') {
      if (wasGivenUp(writer)) await cancelOutside(ending, operation);
      return verdictOf({ kind: 'rejected', reason: standing(writer) });
    }
    return handOver(context, attempt);
  }
  if (outcome.kind === 'succeeded') {
    try {
      return verdictOf(await writeResult(context, { outcome, attempt, durationMs }));
    } catch (error) {
      if (!(error instanceof LogFull)) throw error;
      // A description of where it lies takes less room.
      const kept = await keepResult(context, outcome, { ...ended, inlineBytes: TIGHT_EVENT_BYTES });
      return conclude(context, { ...ended, outcome: kept });
    }
  }
  if (outcome.kind === 'deferred') return defer(context, ended, outcome);
  if (outcome.kind === 'awaits_call') return awaitCall(context, ended, outcome);
  const { permanent } = outcome;
  const error = await briefFault(outcome.error, deps.isLogTight);
  const ownDelayMs = permanent ? undefined : retryDelayMs(target.action.retry, attempt, deps.random());
  const delayMs = ownDelayMs === undefined ? undefined : Math.max(ownDelayMs, outcome.retryAfterMs ?? 0);
  if (delayMs === undefined) {
    // What the outside said itself has ended the operation; nothing else has.
    if (!permanent) await cancelOutside(ending, operation);
    const failAttempt = (fault: JobFault): Command => {
      return { type: 'failAttempt', attempt, error: fault, durationMs };
    };
    return verdictOf(await writeFault(writer, error, failAttempt));
  }
  if (outcome === MISSED) await cancelOutside(ending, operation);
  const retryAt = instantAfter(delayMs, deps);
  const retryAttempt = (fault: JobFault): Command => ({
    type: 'retryAttempt',
    attempt,
    error: fault,
    retryAt,
  });
  const written = await writeFault(writer, error, retryAttempt);
  if (wasGivenUp(writer)) await cancelOutside(ending, operation);
  return verdictOf(written);
}

interface Ended {
  readonly outcome: Outcome;
  readonly attempt: number;
  readonly durationMs: number;
  readonly loaded: LoadedInput;
  readonly watch: AttemptWatch;
  readonly log: JobLog;
}

/** Gives the slot up until the operation is looked at again. */
async function defer(
  context: AttemptContext,
  ended: Ended,
  { address, afterMs, waitsFor }: { address: string; afterMs: number; waitsFor?: 'callback' },
): Promise<Verdict> {
  const { writer, deps } = context;
  const { attempt } = ended;
  const beganAt = context.operation?.beganAt ?? instantAfter(0, deps);
  const command: Command = {
    type: 'deferAttempt',
    attempt,
    until: instantAfter(afterMs, deps),
    operation: address,
    beganAt,
    ...(waitsFor === undefined ? {} : { waitsFor }),
  };
  const written = await writer.write(command, { persist: true });
  if (written.kind === 'written') return verdictOf(written);
  const isCanceled = written.reason === 'cancel_already_requested';
  const isTold =
    !(isCanceled || wasGivenUp(writer)) ||
    (await cancelOutside({ ...context, ...ended }, { address, beganAt }));
  if (!isCanceled) return verdictOf(written);
  if (!isTold) return { kind: 'again', afterMs: 0 };
  return verdictOf(await writer.write({ type: 'stopAttempt', attempt }, { persist: true }));
}

/** Gives the slot up until a call comes, or too late. */
async function awaitCall(
  context: AttemptContext,
  ended: Ended,
  { withinMs, address }: Extract<Outcome, { kind: 'awaits_call' }>,
): Promise<Verdict> {
  const { request, target } = context;
  const afterMs = withinMs ?? target.action.callback.withinMs;
  try {
    const awaited = { ...request.ref, attempt: ended.attempt };
    const operation = await awaitedOperation(awaited, address, context);
    return await defer(context, ended, { address: operation, afterMs, waitsFor: 'callback' });
  } catch (error) {
    if (!(error instanceof CallbackUnavailable)) throw error;
    const outcome = failed('callback_unavailable', undefined, causeOf(error));
    return conclude(context, { ...ended, outcome });
  }
}

function elapsedMs({ beganAt }: Operation, deps: ExecutorDeps): number {
  return Math.max(0, deps.logNow() - Date.parse(beganAt));
}

function instantAfter(waitMs: number, deps: ExecutorDeps): string {
  return new Date(Math.ceil(deps.logNow() + waitMs)).toISOString();
}

/** Whether the job has ended without its operation. */
function wasGivenUp(writer: JobWriter): boolean {
  return ['canceled', 'expired'].includes(writer.state()?.phase.value.status ?? '');
}

/**
 * Says that the attempt was given back. Without that, as when the log does not answer, it looks to the next executor
 * as if this one had died, which uses the attempt up. So it does where this process has failed: what fails it again
 * and again would be begun for ever.
 */
async function handOver({ writer, operation, deps }: AttemptContext, attempt: number): Promise<Verdict> {
  // A canceled job would end here; its operation is for the next executor to cancel.
  const isCanceled = writer.state()?.cancelRequested.value !== null;
  if (deps.hasFailed() || (operation && isCanceled)) return { kind: 'again', afterMs: 0 };
  try {
    return verdictOf(await writer.write({ type: 'handOverAttempt', attempt, executorId: deps.executorId }));
  } catch (error) {
    if (!(error instanceof LogUnavailable)) throw error;
    return { kind: 'again', afterMs: 0 };
  }
}

async function writeResult(
  { writer }: AttemptContext,
  ended: { outcome: Extract<Outcome, { kind: 'succeeded' }>; attempt: number; durationMs: number },
): Promise<WriteOutcome> {
  const { outcome, attempt, durationMs } = ended;
  const { json, resultRef } = outcome;
  const found = resultRef ? { resultRef } : { result: json === undefined ? undefined : JSON.parse(json) };
  const unlessFull = !resultRef && Buffer.byteLength(json ?? '') > TIGHT_EVENT_BYTES;
  const command: Command = { type: 'succeedAttempt', attempt, ...found, durationMs };
  try {
    return await writer.write(command, { persist: true, unlessFull });
  } catch (error) {
    if (!(error instanceof EventTooLarge)) throw error;
    const fault = {
      code: 'result_too_large',
      message: FAULT_CODES.result_too_large,
      details: [{ max_bytes: error.maxBytes }],
    };
    return writer.write({ type: 'failAttempt', attempt, error: fault, durationMs }, { persist: true });
  }
}

/** An ended job needs its event no more; a job that runs elsewhere does, so it is left to whoever runs it. */
function verdictOf(outcome: WriteOutcome): Verdict {
  return outcome.kind === 'rejected' && outcome.reason === 'not_the_current_attempt'
    ? { kind: 'leave' }
    : { kind: 'done' };
}

function standing(writer: JobWriter): 'already_ended' | 'not_the_current_attempt' {
  const status = writer.state()?.phase.value.status;
  return status === 'queued' || status === 'running' ? 'not_the_current_attempt' : 'already_ended';
}

function outcomeName(outcome: Outcome, watch: AttemptWatch): string {
  if (outcome.kind === 'succeeded') return 'succeeded';
  if (outcome.kind === 'failed') return outcome.error.code;
  if (outcome.kind === 'deferred' || outcome.kind === 'awaits_call') return 'deferred';
  const { reason } = watch.signal;
  return reason === 'given_up' ? 'handed_over' : String(reason);
}
