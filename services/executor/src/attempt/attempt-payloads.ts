import { buffer } from 'node:stream/consumers';
import { type OtherJob, PermanentError, ResultNotStored } from '@errand/actions';
import type { AttemptHooks } from '@errand/actions/execution';
import { type Bus, LogUnavailable, PayloadBroken, PayloadShareUsed, PayloadTooLarge } from '@errand/bus';
import {
  FAULT_CODES,
  type JobEventOf,
  JobId,
  type JobRef,
  JSON_TYPE,
  type PayloadRef,
} from '@errand/contracts';
import { foldJob } from '@errand/domain';
import { persistently } from './job-writer.ts';

/** What becomes of large inputs and results: sizes in bytes, of JSON or of a file. */
export interface PayloadLimits {
  readonly inlinePayloadBytes: number;
  readonly maxResultBytes: number;
  /** How much of the store the tenant's may take. */
  readonly payloadsTenantPercent: number;
  /** For how long it is tried to store a result. */
  readonly storeResultMs: number;
}

export type LoadedInput = { readonly kind: 'input'; readonly input: unknown } | { readonly kind: 'gone' };

/** What a look for another job that has left the log may cost. */
const OTHER_JOB_LIMITS = { maxEntries: 1_000_000, maxMs: 10_000 };

/**
 * A request's input, wherever it lies.
 * @throws LogUnavailable
 */
export async function loadInput(bus: Bus, data: JobEventOf<'JobRequested'>['data']): Promise<LoadedInput> {
  if (!data.input_ref) return { kind: 'input', input: data.input };
  const loaded = await loadJson(bus, data.input_ref);
  return loaded.kind === 'gone' ? loaded : { kind: 'input', input: loaded.json };
}

/** What an attempt may ask of the log and the payloads. Nothing is stored once the signal has fired. */
export function payloadHooks(options: {
  bus: Bus;
  ref: JobRef;
  signal: () => AbortSignal;
  limits: PayloadLimits;
}): Pick<AttemptHooks, 'saveResult' | 'readResult'> {
  const { bus, ref, signal, limits } = options;
  const { tenantId, jobId } = ref;
  return {
    async saveResult(file) {
      const { contentType, filename, body } = file;
      const maxBytes = limits.maxResultBytes;
      try {
        const room = { ofTenant: limits.payloadsTenantPercent };
        const about = { tenantId, jobId, contentType, filename, maxBytes, room, signal: signal() };
        return await bus.payloads.put({ ...about, body });
      } catch (error) {
        if (error instanceof LogUnavailable || error instanceof PayloadShareUsed) {
          throw new ResultNotStored(error.message, { cause: error });
        }
        if (!(error instanceof PayloadTooLarge)) throw error;
        const details = [{ max_bytes: maxBytes }];
        throw new PermanentError('result_too_large', FAULT_CODES.result_too_large, details);
      }
    },
    readResult: (otherId) => readResult(bus, { tenantId, jobId: otherId }),
  };
}

/**
 * Stores a result that is too large for an event; undefined for one that is not. It goes on through outages, and while
 * there is no room, until the limit or the signal; a tenant that takes all of its share is not waited for.
 * @throws LogUnavailable, PayloadShareUsed, PayloadTooLarge; the signal's reason
 */
export async function storeLargeResult(options: {
  bus: Bus;
  ref: JobRef;
  json: string | undefined;
  limits: PayloadLimits;
  signal: AbortSignal;
  /** Told once, if it does not go at once. */
  onDelay: (error: unknown) => void;
}): Promise<PayloadRef | undefined> {
  const { bus, ref, json = 'null', limits, onDelay } = options;
  const body = Buffer.from(json);
  if (body.length <= limits.inlinePayloadBytes) return undefined;
  const { tenantId, jobId } = ref;
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(limits.storeResultMs)]);
  const room = { ofTenant: limits.payloadsTenantPercent };
  const about = { tenantId, jobId, contentType: JSON_TYPE, maxBytes: limits.maxResultBytes, room, signal };
  return persistently(() => bus.payloads.put({ ...about, body: [body] }), signal, { onDelay });
}

/** The tenant is the asking job's own, so that no action reads another one's. */
async function readResult(bus: Bus, job: { tenantId: string; jobId: string }): Promise<OtherJob> {
  // The id comes from a caller and becomes a word of a subject.
  if (!JobId.safeParse(job.jobId).success) return { kind: 'unknown' };
  let state = foldJob(await bus.jobs.read(job));
  if (!state?.request.value) state = foldJob(await bus.audit.readJob(job, OTHER_JOB_LIMITS));
  const status = state?.phase.value.status;
  const request = state?.request.value;
  if (!state || !status || !request) return { kind: 'unknown' };
  if (status !== 'succeeded') return { kind: 'not_succeeded', status };
  const { action } = state;
  const { resource } = request.data;
  const { result, resultRef } = state.outcome.value;
  if (!resultRef) return { kind: 'succeeded', action, resource, result };
  if (resultRef.content_type !== JSON_TYPE) return { kind: 'not_json' };
  const loaded = await loadJson(bus, resultRef);
  return loaded.kind === 'gone'
    ? { kind: 'unknown' }
    : { kind: 'succeeded', action, resource, result: loaded.json };
}

async function loadJson(
  bus: Bus,
  ref: PayloadRef,
): Promise<{ kind: 'json'; json: unknown } | { kind: 'gone' }> {
  try {
    const opened = await bus.payloads.open(ref);
    if (opened.kind === 'gone') return opened;
    return { kind: 'json', json: JSON.parse((await buffer(opened.body)).toString('utf8')) };
  } catch (error) {
    if (error instanceof PayloadBroken) return { kind: 'gone' };
    throw error;
  }
}
