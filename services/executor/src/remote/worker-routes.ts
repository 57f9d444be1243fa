import { ActionName, ContentType, ContractId, FileName, JobId, TenantId } from '@errand/contracts';
import { z } from 'zod';
import { Announcement } from './remote-action.ts';

export type { Announcement };

/*
 * What a remote worker may ask, as data: the router and /openapi.json are made of it.
 */

/** Longer waits would meet the time limits of proxies. */
const MAX_WAIT_S = 30;
const WAIT = z.number().min(0).max(MAX_WAIT_S);

const Announced = z.object({
  contract_id: ContractId,
  silence_s: z.number().describe('A worker whose attempt says nothing for so long is taken for dead.'),
});

const Claim = z.strictObject({
  action: ActionName,
  contract_id: ContractId,
  slots: z.int().min(1).max(1_000).default(1).describe('The most attempts that are wanted.'),
  wait_s: WAIT.default(20).describe('How long to wait for the first one.'),
});

export const ClaimedAttempt = z.object({
  token: z.string().describe("Names the attempt in the worker's calls."),
  job_id: JobId,
  tenant_id: TenantId,
  action: ActionName,
  attempt: z.int().describe('Counts from 1.'),
  input: z.unknown(),
  resource: z.record(z.string(), z.string()),
  metadata: z.record(z.string(), z.string()),
  traceparent: z.string().optional(),
});
export type ClaimedAttempt = z.infer<typeof ClaimedAttempt>;

const Heartbeat = z.strictObject({
  wait_s: WAIT.default(0).describe('How long the answer may wait for a reason to stop.'),
});
const Beat = z.object({
  stop: z
    .enum(['canceled', 'superseded', 'timed_out', 'given_up', 'worker_lost'])
    .nullable()
    .describe('Why nobody wants the attempt any more; null while it is wanted.'),
});

const Progress = z.strictObject({
  percent: z.number().min(0).max(100),
  message: z.string().max(500).optional(),
});
const Log = z.strictObject({
  lines: z
    .array(z.strictObject({ message: z.string(), fields: z.record(z.string(), z.unknown()).optional() }))
    .max(1_000),
});
const Outputs = z.strictObject({
  values: z.array(z.unknown()).min(1).max(100).describe('Each at most 32 KiB of JSON.'),
});
const Success = z.strictObject({ result: z.unknown().optional() });
const Retry = z.strictObject({
  cause: z.string().max(16_384).optional().describe("For the executor's log only."),
  after_s: z.number().min(0).max(2_147_483).optional().describe('The least wait before the next attempt.'),
});
const Failure = z.strictObject({
  code: z.string().min(1).max(100),
  message: z.string().min(1).max(2_000).describe('The caller reads it.'),
  details: z.array(z.unknown()).max(100).default([]),
  cause: z.string().max(16_384).optional(),
});
const Nothing = z.strictObject({});
const Saved = z.object({ bytes: z.int(), sha256: z.string() });

export interface WorkerRoute {
  readonly method: 'post' | 'put';
  readonly path: string;
  readonly summary: string;
  /** Of the JSON body; `file` for any bytes. */
  readonly body: z.ZodType | 'file';
  /** Of the answer 200; absent for 204. */
  readonly answer?: z.ZodType;
  readonly refusals: readonly number[];
}

const OF_ATTEMPT = '/workers/v1/attempts/{token}';

export const WORKER_ROUTES = {
  announce: {
    method: 'post',
    path: '/workers/v1/actions',
    summary: 'Say what an action takes and gives; runs of it are accepted from then on',
    body: Announcement,
    answer: Announced,
    refusals: [409, 503],
  },
  claim: {
    method: 'post',
    path: '/workers/v1/claim',
    summary: 'Get attempts to run',
    body: Claim,
    answer: z.object({ attempts: z.array(ClaimedAttempt) }),
    refusals: [404, 409, 503],
  },
  heartbeat: {
    method: 'post',
    path: `${OF_ATTEMPT}/heartbeat`,
    summary: 'Say that the attempt is still run, and hear whether it is still wanted',
    body: Heartbeat,
    answer: Beat,
    refusals: [409],
  },
  progress: {
    method: 'post',
    path: `${OF_ATTEMPT}/progress`,
    summary: 'Tell callers how far the attempt is',
    body: Progress,
    refusals: [409],
  },
  log: {
    method: 'post',
    path: `${OF_ATTEMPT}/log`,
    summary: "Write lines to the executor's log, and to the job's, if callers may read it",
    body: Log,
    refusals: [409],
  },
  output: {
    method: 'post',
    path: `${OF_ATTEMPT}/output`,
    summary: 'Tell callers partial results',
    body: Outputs,
    refusals: [409],
  },
  file: {
    method: 'put',
    path: `${OF_ATTEMPT}/file`,
    summary: 'Send the file that is the result, before the attempt succeeds',
    body: 'file',
    answer: Saved,
    refusals: [409, 413],
  },
  succeed: {
    method: 'post',
    path: `${OF_ATTEMPT}/succeed`,
    summary: 'End the attempt with its result',
    body: Success,
    refusals: [409, 413],
  },
  retry: {
    method: 'post',
    path: `${OF_ATTEMPT}/retry`,
    summary: 'End the attempt: another one may succeed',
    body: Retry,
    refusals: [409],
  },
  fail: {
    method: 'post',
    path: `${OF_ATTEMPT}/fail`,
    summary: 'End the job: no other attempt would succeed',
    body: Failure,
    refusals: [409],
  },
  release: {
    method: 'post',
    path: `${OF_ATTEMPT}/release`,
    summary: 'Give the attempt back, to be begun anew elsewhere under its number',
    body: Nothing,
    refusals: [409],
  },
} as const satisfies Record<string, WorkerRoute>;
export type WorkerRouteName = keyof typeof WORKER_ROUTES;
export type BodyOf<N extends WorkerRouteName> =
  (typeof WORKER_ROUTES)[N]['body'] extends z.ZodType<infer T> ? T : never;

/** The name and type of a file, as a worker's headers say them. */
export const FileHeaders = z.object({ contentType: ContentType, filename: FileName.optional() });
