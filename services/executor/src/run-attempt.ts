import type { Action } from '@errand/actions';
import { EventTooLarge, type Verdict } from '@errand/bus';
import { FAULT_CODES } from '@errand/contracts';
import type { Command } from '@errand/domain';
import type { AttemptRunner } from './attempt-runner.ts';
import type { AttemptOutcome } from './execute-attempt.ts';
import type { JobWriter, WriteOutcome } from './job-writer.ts';
import type { ExecutorDeps, RecordedRequest } from './on-job-requested.ts';
import { createProgressReporter } from './progress-reporter.ts';

/** One attempt from JobStarted to the job's ending, or to the moment at which it turns out to be somebody else's. */
export async function runAttempt(options: {
  writer: JobWriter;
  request: RecordedRequest;
  target: { action: Action; runner: AttemptRunner };
  deps: ExecutorDeps;
}): Promise<Verdict> {
  const { writer, request, target, deps } = options;
  const { contract } = target.action;
  const { executorId } = deps;
  const before = request.version;
  const start = await writer.write({ type: 'startAttempt', executorId, maxAttempts: contract.max_attempts });
  if (start.kind === 'rejected') return verdictOf(start);
  const { event } = start.recorded;
  // Every allowed attempt was begun already: that was the ending.
  if (event.type !== 'JobStarted') return { kind: 'done' };

  const { attempt } = event.data;
  const ids = { ...request.ref, attempt };
  const log = deps.log.child({ job_id: ids.jobId, tenant_id: ids.tenantId, action: ids.action, attempt });
  const superseded = new AbortController();
  const progress = createProgressReporter(deps.progressIntervalMs, async (value) => {
    try {
      const outcome = await writer.write({ type: 'reportProgress', attempt, ...value });
      if (outcome.kind === 'rejected') superseded.abort();
    } catch (err) {
      log.warn({ err }, 'progress_not_written');
    }
  });
  const began = performance.now();
  const { input, resource, metadata } = request.event.data;
  const outcome = await target.runner.run(
    { jobId: ids.jobId, tenantId: ids.tenantId, input, resource, metadata, attempt },
    {
      signal: AbortSignal.any([superseded.signal, deps.giveUp]),
      progress: progress.report,
      log: (message, fields) => log.info({ ...fields }, message),
    },
  );
  await progress.stop();
  const durationMs = performance.now() - began;
  const result = outcome.kind === 'interrupted' ? outcome.kind : codeOf(outcome);
  log.info(
    { outcome: result, duration_ms: durationMs, requested_version: before, cause: causeOf(outcome) },
    'attempt_ended',
  );
  deps.onAttemptEnded(contract.name, result, durationMs);
  if (outcome.kind === 'interrupted')
    return superseded.signal.aborted ? { kind: 'leave' } : { kind: 'again', afterMs: 0 };
  return verdictOf(await writeEnding(writer, { outcome, attempt, durationMs }));
}

async function writeEnding(
  writer: JobWriter,
  ending: { outcome: AttemptOutcome; attempt: number; durationMs: number },
): Promise<WriteOutcome> {
  const { outcome, attempt, durationMs } = ending;
  const command: Command =
    outcome.kind === 'succeeded'
      ? { type: 'succeedAttempt', attempt, result: outcome.result, durationMs }
      : { type: 'failAttempt', attempt, error: outcome.error, durationMs };
  try {
    return await writer.write(command, { persist: true });
  } catch (error) {
    if (!(error instanceof EventTooLarge)) throw error;
    const fault = {
      code: 'result_too_large',
      message: FAULT_CODES.result_too_large,
      details: [{ bytes: error.bytes, max_bytes: error.maxBytes }],
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

function codeOf(outcome: AttemptOutcome): string {
  return outcome.kind === 'succeeded' ? 'succeeded' : outcome.error.code;
}

function causeOf(outcome: AttemptOutcome | { kind: 'interrupted' }): string | undefined {
  return outcome.kind === 'failed' ? outcome.cause : undefined;
}
