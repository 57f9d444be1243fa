import { randomUUIDv7 } from 'node:crypto';
import { type AppendRequest, type Bus, LogUnavailable } from '@errand/bus';
import type { IdempotencyRecord } from '@errand/contracts';
import { type AcceptedJob, findAccepted } from './accepted-job.ts';
import { canonicalPathOf } from './action-path.ts';
import { batchJobId } from './batch-job-ids.ts';
import type { FindJobDeps } from './find-job.ts';
import type { Idempotency } from './idempotency.ts';
import { fingerprintOf, readIdempotencyKey, recordNameOf } from './idempotency-key.ts';
import type { LogRoom } from './log-room.ts';
import type { Ctx } from './middleware/exchange.ts';
import type { EndpointDeps } from './webhooks/endpoint-store.ts';
import { ensureJobSigner } from './webhooks/job-signer.ts';

export interface AcceptBatchDeps extends FindJobDeps, EndpointDeps {
  readonly bus: FindJobDeps['bus'] & Pick<Bus, 'appendBatch'>;
  readonly idempotency: Idempotency;
  readonly room: LogRoom;
}

/** The orders of a batch that are to become jobs. */
export interface SentBatch {
  readonly tenantId: string;
  readonly action: string;
  /** Places in the batch, each of which has a job id of its own. */
  readonly indexes: readonly number[];
  /** The appends under the ids of one batch, in the order of `indexes`. */
  readonly appendsOf: (jobIdOf: (index: number) => string) => Promise<AppendRequest[]>;
  /** The body as it was sent. */
  readonly text: string;
  /** Whether any of the orders asks for a webhook. */
  readonly hasWebhooks: boolean;
}

/** How many jobs are looked for at the same time. */
const FINDS_AT_ONCE = 50;

/**
 * Requests all jobs of a batch, once for each Idempotency-Key; resolves with them in the order of `indexes`. The ids of
 * all follow from the recorded one, so whoever completes a batch that was left half done requests the very jobs that
 * are missing.
 */
export async function acceptBatch(
  c: Ctx,
  deps: AcceptBatchDeps,
  sent: SentBatch,
): Promise<{ value: AcceptedJob[]; replayed: boolean }> {
  const { tenantId, text } = sent;
  const { headers, url } = c.req.raw;
  const key = readIdempotencyKey(headers.get('idempotency-key'));
  const path = canonicalPathOf(url);
  if (key === undefined) {
    const createdAt = new Date(deps.now()).toISOString();
    const record = { job_id: randomUUIDv7(), fingerprint: '', created_at: createdAt };
    return { value: await request(deps, sent, record), replayed: false };
  }
  return deps.idempotency.once({
    name: recordNameOf({ tenantId, kind: 'run-batch', path, key }),
    fingerprint: fingerprintOf(path, text),
    request: (record) => request(deps, sent, record),
    find: (record) => findAll(deps, sent, record),
  });
}

async function request(
  deps: AcceptBatchDeps,
  sent: SentBatch,
  record: IdempotencyRecord,
): Promise<AcceptedJob[]> {
  deps.room.admitRuns({ jobs: sent.indexes.length, bytes: Buffer.byteLength(sent.text) });
  const appends = await sent.appendsOf((index) => batchJobId(record.job_id, index));
  if (sent.hasWebhooks) await ensureJobSigner(deps, sent.tenantId);
  const outcomes = await deps.bus.appendBatch(appends);
  const jobs: AcceptedJob[] = [];
  for (const [place, { ref, event }] of appends.entries()) {
    const outcome = outcomes[place];
    const found =
      outcome?.kind === 'appended'
        ? { jobId: ref.jobId, version: outcome.version, createdAt: event.time }
        : await findAccepted(deps, ref, record);
    if (!found) throw new LogUnavailable('a job of the batch cannot be found');
    jobs.push(found);
  }
  return jobs;
}

/** All jobs of the batch, or undefined when one is missing. */
async function findAll(
  deps: AcceptBatchDeps,
  sent: SentBatch,
  record: IdempotencyRecord,
): Promise<AcceptedJob[] | undefined> {
  const { tenantId, action, indexes } = sent;
  const jobs: AcceptedJob[] = [];
  for (let from = 0; from < indexes.length; from += FINDS_AT_ONCE) {
    const finds = indexes.slice(from, from + FINDS_AT_ONCE).map((index) => {
      const jobId = batchJobId(record.job_id, index);
      return findAccepted(deps, { tenantId, action, jobId }, record);
    });
    for (const job of await Promise.all(finds)) {
      if (!job) return undefined;
      jobs.push(job);
    }
  }
  return jobs;
}
