import { text } from 'node:stream/consumers';
import { PayloadBroken } from '@errand/bus';
import { type JobEventOf, type PayloadRef, uuidV7TimeMs } from '@errand/contracts';
import { foldJob, isEnded } from '@errand/domain';
import { Refusal } from '../http/problem.ts';
import { findJob } from '../jobs/find-job.ts';
import type { JobOrder } from './run-options.ts';
import type { RunDeps } from './runs-group.ts';

/** What an ended job was asked for. Its input is in the log only, which forgets sooner than the summary does. */
export async function readRequest(
  deps: RunDeps,
  job: { tenantId: string; jobId: string },
): Promise<JobEventOf<'JobRequested'>['data']> {
  const events = await deps.runs.bus.jobs.read(job);
  const requested = events.map(({ event }) => event).find(({ type }) => type === 'JobRequested');
  const state = foldJob(events);
  if (state && requested?.type === 'JobRequested') {
    const { status } = state.phase.value;
    if (!isEnded(status)) throw new Refusal('not_ended', { detail: `The job is ${status}.` });
    if (requested.data.input !== undefined || requested.data.input_ref) return requested.data;
  } else {
    await findJob(deps.jobs, { ...job, action: undefined, minVersion: 0 });
  }
  throw new Refusal('input_gone');
}

/**
 * The input, and where it may stay: a stored one that outlives the new job is shared by both, any other is stored anew.
 * @throws Refusal input_gone; LogUnavailable
 */
export async function readInput(
  { bus, payloadLifeMs }: RunDeps['runs'],
  { input, input_ref: ref }: JobEventOf<'JobRequested'>['data'],
  times: JobOrder['times'],
): Promise<{ input: unknown; json: string; inputRef?: PayloadRef }> {
  if (!ref) return { input, json: JSON.stringify(input) };
  try {
    const opened = await bus.payloads.open(ref);
    if (opened.kind === 'gone') throw new Refusal('input_gone');
    const json = await text(opened.body);
    const goneAtMs = uuidV7TimeMs(ref.key.slice(ref.key.lastIndexOf('/') + 1)) + payloadLifeMs;
    const isShared = goneAtMs > Date.parse(times.finish_by);
    return { input: JSON.parse(json), json, ...(isShared ? { inputRef: ref } : {}) };
  } catch (error) {
    throw error instanceof PayloadBroken ? new Refusal('input_gone') : error;
  }
}
