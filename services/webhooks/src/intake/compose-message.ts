import { createHash } from 'node:crypto';
import {
  type ActionContract,
  JSON_TYPE,
  type RecordedEvent,
  type ResultLink,
  uuidV7TimeMs,
  webhookEventTypeOf,
} from '@errand/contracts';
import { evolve, expiresAtMs, type JobState, resultLinkOf } from '@errand/domain';
import type { Message } from '../sending/compose-request.ts';

/** Beyond this a fault's details, which may be of any size, are left to the job's status. */
const MAX_BODY_BYTES = 65_536;
/** Results that take more, as JSON, have to be downloaded. */
const MAX_RESULTS_BYTES = 65_536;

/**
 * What an ending tells its receivers. `job` has the job's request and nothing else of the time before its ending;
 * undefined if the log has no request any more: metadata and resource are then empty. Without its action's contract the
 * body has no status link.
 */
export function composeMessage(
  ending: RecordedEvent,
  context: {
    job: JobState | undefined;
    contract: ActionContract | undefined;
    publicUrl: string;
    /** Whether a receiver asks for them. */
    withResults?: boolean;
  },
): Message & { type: string } {
  const { tenantId, action, jobId } = ending.ref;
  const type = webhookEventTypeOf(ending.event.type);
  if (type === undefined) throw new TypeError(`${ending.event.type} does not end a job`);
  const state = evolve(context.job, ending);
  const request = state.request.value?.data;
  const status = state.phase.value.status ?? '';
  const errors = state.outcome.value.errors;
  const links = linksOf(ending, { ...context, resource: request?.resource });
  const data = {
    job_id: jobId,
    status,
    metadata: request?.metadata ?? {},
    action,
    tenant_id: tenantId,
    resource: request?.resource ?? {},
    version: ending.version,
    finished_at: ending.event.time,
    ...(errors.length === 0 ? {} : { errors }),
    links,
  };
  // `data` stays last: results are spliced in behind its members.
  let body = JSON.stringify({ type, timestamp: ending.event.time, data });
  if (Buffer.byteLength(body) > MAX_BODY_BYTES) {
    const brief = errors.map(({ code, message }) => ({ code, message }));
    body = JSON.stringify({ type, timestamp: ending.event.time, data: { ...data, errors: brief } });
  }
  const results = context.withResults && links.result ? resultsOf(state, links.result) : null;
  return {
    event_id: ending.event.id,
    tenant_id: tenantId,
    job_id: jobId,
    action,
    type,
    status,
    body,
    results,
    traceparent: ending.event.traceparent ?? null,
  };
}

/** The members that say what a job came to, as a JSON object. */
function resultsOf(state: JobState, url: string): string {
  const { result, resultRef } = state.outcome.value;
  const json = JSON.stringify(result);
  const file = resultRef ?? fileOf(json);
  if (!file) return `{"results":${json},"results_link":null}`;
  const requestedAt = state.request.value?.requestedAt;
  const createdAtMs = requestedAt === undefined ? uuidV7TimeMs(state.jobId) : Date.parse(requestedAt);
  const expiresAt = new Date(expiresAtMs(createdAtMs)).toISOString();
  return JSON.stringify({ results: null, results_link: resultLinkOf(file, { url, expiresAt }) });
}

/** What is downloaded of a result that is too large for a body; undefined for one that is not. */
function fileOf(json: string): Pick<ResultLink, 'bytes' | 'sha256' | 'content_type'> | undefined {
  const bytes = Buffer.byteLength(json);
  if (bytes <= MAX_RESULTS_BYTES) return undefined;
  return { bytes, sha256: createHash('sha256').update(json).digest('hex'), content_type: JSON_TYPE };
}

function linksOf(
  { ref, event }: RecordedEvent,
  context: {
    contract: ActionContract | undefined;
    resource: Record<string, string> | undefined;
    publicUrl: string;
  },
): { status?: string; job: string; result?: string } {
  const tenant = `${context.publicUrl.replace(/\/+$/, '')}/v2/tenants/${ref.tenantId}`;
  const job = `${tenant}/jobs/${ref.jobId}`;
  const links = event.type === 'JobSucceeded' ? { job, result: `${job}/result` } : { job };
  const path = context.contract && context.resource && fillPath(context.contract.resource, context.resource);
  if (path === undefined) return links;
  return { status: `${tenant}${path}/${ref.action}/status?job_id=${ref.jobId}`, ...links };
}

/** `designs/{design_id}` → `/designs/d-1`; undefined if a value is missing, as after a change of the contract. */
function fillPath(template: string, values: Record<string, string>): string | undefined {
  let path = '';
  for (const word of template.split('/').filter(Boolean)) {
    const name = /^\{(.*)\}$/.exec(word)?.[1];
    const value = name === undefined ? word : values[name];
    if (value === undefined) return undefined;
    path += `/${encodeURIComponent(value.toWellFormed())}`;
  }
  return path;
}
