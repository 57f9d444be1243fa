import { randomUUIDv7 } from 'node:crypto';
import type { RunAccepted } from '@errand/contracts';
import type { ActionCatalogue } from '../actions/action-catalogue.ts';
import { keyedPlaceOf } from '../actions/action-path.ts';
import type { Caller } from '../http/authenticate.ts';
import { Refusal } from '../http/problem.ts';
import { preferredWaitS } from '../http/request-headers.ts';
import type { Ctx } from '../http/request-log.ts';
import { answer } from '../http/respond.ts';
import { awaitEnding, hasEnded } from '../jobs/await-ending.ts';
import { findJob } from '../jobs/find-job.ts';
import { answerSummary } from '../jobs/job-answer.ts';
import { fingerprintOf, readIdempotencyKey, recordNameOf } from './idempotency.ts';
import { requestOrder } from './request-order.ts';
import { type AcceptedJob, findAccepted, jobLinks } from './run-answers.ts';
import type { JobOrder } from './run-options.ts';
import type { RunDeps } from './runs-group.ts';

/** An order that came over HTTP. */
interface SentOrder {
  readonly order: JobOrder;
  readonly caller: Caller;
  /** What the request is, since a key means something to one kind only. */
  readonly kind: 'run' | 'retry';
  /** The body as it was sent. */
  readonly text: string;
  /** The size of the input's JSON, where that did not come in this request. */
  readonly inputBytes?: number;
  readonly nowMs: number;
  /** Where its action runs, if the request did not come there. */
  readonly url?: string;
  /** Undefined if the contract has no place for it. */
  readonly actionPath: string | undefined;
}

interface RequestedOnce {
  readonly value: AcceptedJob;
  /** Whether an earlier request with the same Idempotency-Key asked for it. */
  readonly replayed: boolean;
}

/**
 * Requests a job, once for each Idempotency-Key, and answers 202 when the log has acknowledged it; 200 with the summary
 * if the caller prefers to wait and the job ends in that time.
 */
export async function acceptJob(c: Ctx, deps: RunDeps, sent: SentOrder): Promise<Response> {
  const { order, caller, actionPath } = sent;
  const { tenantId } = caller;
  const { value: job, replayed } = await requestOnce(c, deps, sent);
  const links = jobLinks({ tenantId, jobId: job.jobId }, actionPath);
  const action = order.contract.name;
  return answerAccepted(c, deps, { job, tenantId, action, links, replayed });
}

/** The answer to whoever asked for a job, at first and again. */
export async function answerAccepted(
  c: Ctx,
  deps: RunDeps,
  accepted: {
    job: AcceptedJob;
    tenantId: string;
    action: string;
    links: RunAccepted['links'];
    replayed: boolean;
  },
): Promise<Response> {
  const { job, tenantId, action, links, replayed } = accepted;
  const { catalogue, now } = deps.jobs;
  const waitS = preferredWaitS(c.req.raw.headers.get('prefer'));
  c.env.jobId = job.jobId;
  const headers = {
    location: links.status,
    ...(waitS === undefined ? {} : { 'preference-applied': `wait=${waitS}` }),
    ...(replayed ? { 'idempotency-replayed': 'true' } : {}),
  };
  const wanted = { tenantId, jobId: job.jobId, action, minVersion: 0 };
  // A job that was accepted stays so, whatever becomes of reading it.
  const state = waitS
    ? await awaitEnding(c, deps.jobs, {
        job: wanted,
        waitS,
        atLeast: job.version,
        read: (atLeast) => findJob(deps.jobs, { ...wanted, atLeast }),
      }).catch(() => undefined)
    : undefined;
  if (state && hasEnded(state)) return answerSummary(c, state, { catalogue, now, status: 200, headers });
  const body: RunAccepted = {
    job_id: job.jobId,
    status: 'queued',
    version: job.version,
    action,
    created_at: job.createdAt,
    ...unserved(catalogue, action),
    links,
  };
  return answer(c, { status: 202, body, headers: { ...headers, 'retry-after': '1' } });
}

function unserved(catalogue: ActionCatalogue, action: string): Pick<RunAccepted, 'unserved_since'> {
  const since = catalogue.peek(action)?.unservedSince ?? null;
  return since === null ? {} : { unserved_since: since };
}

/**
 * Requests a job, once for each Idempotency-Key of the request's head.
 * @throws Refusal; LogUnavailable
 */
export async function requestOnce(
  c: Ctx,
  deps: RunDeps,
  sent: Omit<SentOrder, 'actionPath'>,
): Promise<RequestedOnce> {
  const { caller, kind, order, text } = sent;
  const { tenantId, only } = caller;
  const { headers } = c.req.raw;
  const key = readIdempotencyKey(headers.get('idempotency-key'));
  if (key === undefined) {
    // Ids are of the real time: they sort jobs and name partitions.
    const value = await request(c, deps, { ...sent, jobId: randomUUIDv7() });
    if (!value) throw new Error('the id of a new job is already used');
    return { value, replayed: false };
  }
  const place = keyedPlaceOf(sent.url ?? c.req.raw.url);
  const action = order.contract.name;
  return deps.runs.idempotency.once({
    name: recordNameOf({ tenantId, kind, place, key, metadata: only.metadata }),
    fingerprint: fingerprintOf(place, text),
    check: () => checkRuns(c, deps, { tenantId, action, jobs: 1 }),
    request: ({ job_id: jobId }) => request(c, deps, { ...sent, jobId }),
    find: (record) => findAccepted(deps.jobs, { tenantId, action, jobId: record.job_id }, record),
  });
}

/**
 * Whether a tenant may have so many jobs requested at this moment, and the log has room.
 * @throws Refusal unknown_action, too_many_runs, too_many_queued, too_many_log_bytes, log_nearly_full
 */
export async function checkRuns(
  c: Ctx,
  { runs }: RunDeps,
  asked: { tenantId: string; action: string; jobs: number },
): Promise<void> {
  if (!runs.logRoom.hasRoom()) throw new Refusal('log_nearly_full');
  await runs.limits.check(c, asked);
}

/** Undefined when there is a job of that id. */
async function request(
  c: Ctx,
  deps: RunDeps,
  { order, caller, text, inputBytes, nowMs, jobId }: Omit<SentOrder, 'actionPath'> & { jobId: string },
): Promise<AcceptedJob | undefined> {
  c.env.jobId = jobId;
  const bytes = inputBytes ?? Buffer.byteLength(text);
  const sending = c.env.span?.child(`send ${order.contract.name}`, {
    kind: 'producer',
    attributes: { 'errand.job_id': jobId },
  });
  try {
    const { traceparent } = sending ?? c.env;
    return await requestOrder(c, deps, { order, jobId, caller, bytes, nowMs, traceparent });
  } finally {
    sending?.end();
  }
}
