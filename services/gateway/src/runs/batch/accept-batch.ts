import { randomUUIDv7 } from 'node:crypto';
import { type AppendRequest, LogUnavailable } from '@errand/bus';
import type { IdempotencyRecord } from '@errand/contracts';
import { keyedPlaceOf } from '../../actions/action-path.ts';
import type { Caller } from '../../http/authenticate.ts';
import type { Ctx } from '../../http/request-log.ts';
import type { FindJobDeps } from '../../jobs/find-job.ts';
import { ensureJobSigner } from '../../webhooks/job-signer/job-signer.ts';
import { checkRuns } from '../accept-job.ts';
import { derivedJobId } from '../derived-id.ts';
import { fingerprintOf, readIdempotencyKey, recordNameOf } from '../idempotency.ts';
import { type AcceptedJob, findAccepted } from '../run-answers.ts';
import type { RunDeps } from '../runs-group.ts';

/**
 * The id of the job of one item of a batch, by the item's place in it. It follows from the id of the first item's job, so a
 * batch that is sent again comes upon the very same jobs.
 */
export function batchJobId(firstId: string, index: number): string {
  return index === 0 ? firstId : derivedJobId(firstId, `${firstId} ${index}`);
}

/** A batch by its places, each of which has a job id of its own. */
export interface BatchPlaces {
  readonly tenantId: string;
  readonly action: string;
  readonly size: number;
}

/** A batch some of whose items are right. */
export interface SentBatch extends BatchPlaces {
  /** The places of items that may become jobs. */
  readonly right: readonly number[];
  /** The appends for some places, in their order, under the ids of one batch. */
  readonly appendsOf: (
    places: readonly number[],
    jobIdOf: (place: number) => string,
  ) => Promise<AppendRequest[]>;
  readonly caller: Caller;
  /** The body as it was sent. */
  readonly text: string;
  /** Whether any of the orders asks for a webhook. */
  readonly hasWebhooks: boolean;
}

/** Jobs by the places of their items. */
export type BatchJobs = ReadonlyMap<number, AcceptedJob>;

/** How many jobs are looked for at the same time. */
const FINDS_AT_ONCE = 50;

/**
 * Requests all jobs of a batch, once for each Idempotency-Key. The ids of all follow from the recorded one, so whoever
 * completes a batch that was left half done requests the very jobs that are missing.
 */
export async function acceptBatch(
  c: Ctx,
  deps: RunDeps,
  sent: SentBatch,
): Promise<{ value: BatchJobs; replayed: boolean }> {
  const { tenantId, caller, text } = sent;
  const { headers, url } = c.req.raw;
  const key = readIdempotencyKey(headers.get('idempotency-key'));
  const place = keyedPlaceOf(url);
  const right = new Set(sent.right);
  const refused = placesOf(sent).filter((place) => !right.has(place));
  if (key === undefined) {
    const createdAt = new Date(deps.runs.now()).toISOString();
    const record = { job_id: randomUUIDv7(), fingerprint: '', created_at: createdAt, refused };
    return { value: await request(c, deps, sent, record), replayed: false };
  }
  return deps.runs.idempotency.once({
    name: recordNameOf({ tenantId, kind: 'run-batch', place, key, metadata: caller.only.metadata }),
    fingerprint: fingerprintOf(place, text),
    refused,
    check: () => checkRuns(c, deps, { tenantId, action: sent.action, jobs: sent.right.length }),
    request: (record) => request(c, deps, sent, record),
    async find(record) {
      const { jobs, isWhole } = await findBatch(deps.jobs, sent, { refused, ...record });
      return isWhole ? jobs : undefined;
    },
  });
}

/** @throws Refusal too_many_runs, too_many_queued, too_many_log_bytes */
function request(c: Ctx, deps: RunDeps, sent: SentBatch, record: IdempotencyRecord): Promise<BatchJobs> {
  const { tenantId, action, right } = sent;
  const refused = new Set(record.refused);
  const wanted = right.filter((place) => !refused.has(place));
  const append = () => requestAdmitted(deps, sent, { record, wanted });
  const newest = (jobs: BatchJobs) => Math.max(0, ...[...jobs.values()].map(({ version }) => version));
  return deps.runs.limits.within(c, { tenantId, action, jobs: wanted.length }, append, newest);
}

async function requestAdmitted(
  deps: RunDeps,
  sent: SentBatch,
  { record, wanted }: { record: IdempotencyRecord; wanted: readonly number[] },
): Promise<BatchJobs> {
  const { tenantId, action } = sent;
  const refused = new Set(record.refused);
  deps.runs.logRoom.admitRuns({ jobs: wanted.length, bytes: Buffer.byteLength(sent.text) });
  const appends = await sent.appendsOf(wanted, (place) => batchJobId(record.job_id, place));
  if (sent.hasWebhooks) await ensureJobSigner(deps.webhooks, sent.caller);
  const outcomes = await deps.runs.turns.appendBatch(appends);
  // What was requested before the contract changed is there, even if it would be refused today.
  const known = new Set([...refused, ...wanted]);
  const others = placesOf(sent).filter((place) => !known.has(place));
  const jobs = new Map(await findAt(deps.jobs, { tenantId, action, places: others }, record));
  for (const [at, { ref, event }] of appends.entries()) {
    const outcome = outcomes[at];
    const found =
      outcome?.kind === 'appended'
        ? { jobId: ref.jobId, version: outcome.version, createdAt: event.time }
        : await findAccepted(deps.jobs, ref, record);
    if (!found) throw new LogUnavailable('a job of the batch cannot be found');
    jobs.set(wanted[at] ?? 0, found);
  }
  return jobs;
}

/** The jobs of a recorded batch that are there, and whether those are all that were accepted. */
export async function findBatch(
  deps: FindJobDeps,
  batch: BatchPlaces,
  record: IdempotencyRecord,
): Promise<{ jobs: BatchJobs; isWhole: boolean }> {
  const refused = new Set(record.refused);
  const places = placesOf(batch).filter((place) => !refused.has(place));
  const jobs = await findAt(deps, { ...batch, places }, record);
  return { jobs, isWhole: jobs.size === places.length };
}

async function findAt(
  deps: FindJobDeps,
  { tenantId, action, places }: Pick<BatchPlaces, 'tenantId' | 'action'> & { places: readonly number[] },
  record: IdempotencyRecord,
): Promise<BatchJobs> {
  const jobs = new Map<number, AcceptedJob>();
  for (let from = 0; from < places.length; from += FINDS_AT_ONCE) {
    const finds = places.slice(from, from + FINDS_AT_ONCE).map(async (place) => {
      const jobId = batchJobId(record.job_id, place);
      const job = await findAccepted(deps, { tenantId, action, jobId }, record);
      if (job) jobs.set(place, job);
    });
    await Promise.all(finds);
  }
  return jobs;
}

function placesOf({ size }: Pick<BatchPlaces, 'size'>): number[] {
  return Array.from({ length: size }, (_, place) => place);
}
