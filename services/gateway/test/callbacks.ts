import { randomUUIDv7 } from 'node:crypto';
import {
  CallbackKey,
  type CallbackTerms,
  callbackOperation,
  type JobEvent,
  termsContext,
} from '@errand/contracts';
import { type ActionKey, createActionKey, createAsker } from '@errand/runtime';
import { RUN_PATH, STARTED, TENANT, type TestGateway } from './gateway.ts';

/* Test-only: jobs of SIMULATE whose attempt waits for a call, as an executor writes it. */

export interface AwaitedJob {
  readonly jobId: string;
  /** Of the newest event that the test has written. */
  version: number;
  /** The path of the callback URL. */
  readonly path: string;
  /** Writes JobDeferred. */
  defer(untilMs?: number): Promise<void>;
}

const HOUR_MS = 3_600_000;
const ANY: CallbackTerms = { result: '', methods: ['POST', 'PUT'] };

/** What the gateway tells executors of an action. */
export async function askKey(gateway: TestGateway, action: string): Promise<ActionKey & { baseUrl: string }> {
  const asker = createAsker();
  const answer = await gateway.bus.commands.askCallbackKey(action, { public_key: asker.publicKey });
  const opened = asker.open({ publicKey: answer.public_key, sealed: answer.sealed });
  const { key, base_url: baseUrl } = CallbackKey.parse(JSON.parse(opened));
  return { ...createActionKey(key), baseUrl };
}

/** A job whose first attempt has begun and told its URL; it does not wait yet. */
export async function begin(gateway: TestGateway, terms: Partial<CallbackTerms> = {}): Promise<AwaitedJob> {
  const { json } = await gateway.call(RUN_PATH, { body: { tilt_deg: 1 } });
  const jobId: string = json.job_id;
  const { path, operation } = await firstCallOf(gateway, jobId, terms);
  const started = await gateway.append(jobId, json.version, STARTED);
  const job: AwaitedJob = {
    jobId,
    version: started ?? 0,
    path,
    async defer(untilMs = Date.now() + HOUR_MS) {
      const version = await gateway.append(jobId, job.version, {
        type: 'JobDeferred',
        data: { attempt: 1, until: new Date(untilMs).toISOString(), operation, waits_for: 'callback' },
      });
      job.version = version ?? 0;
    },
  };
  return job;
}

/** A job that waits for a call. */
export async function waiting(gateway: TestGateway, terms?: Partial<CallbackTerms>): Promise<AwaitedJob> {
  const job = await begin(gateway, terms);
  await job.defer();
  return job;
}

/** A job that waits for a call, and whose events have left the log but for the one that stands for all. */
export async function carried(gateway: TestGateway): Promise<Pick<AwaitedJob, 'jobId' | 'path'>> {
  const { jobId: like } = await begin(gateway);
  const request = (await eventsOf(gateway, like)).find(({ type }) => type === 'JobRequested');
  if (request?.type !== 'JobRequested') throw new Error('no request');
  const jobId = randomUUIDv7();
  const { path, operation } = await firstCallOf(gateway, jobId);
  await gateway.append(jobId, 0, {
    type: 'JobCarried',
    data: {
      requested_at: request.time,
      request: request.data,
      attempt: 0,
      started_at: request.time,
      next_at: new Date(Date.now() + HOUR_MS).toISOString(),
      errors: [],
      operation,
      began_at: request.time,
      deferred: { executor_id: 'e', waits_for: 'callback' },
    },
  });
  return { jobId, path };
}

/** Where the first attempt of a job is called, and the `operation` of its JobDeferred. */
async function firstCallOf(gateway: TestGateway, jobId: string, terms: Partial<CallbackTerms> = {}) {
  const key = await askKey(gateway, 'simulate');
  const attempt = { tenantId: TENANT, action: 'simulate', jobId, attempt: 1 };
  const sealed = key.box.seal(JSON.stringify({ ...ANY, ...terms }), termsContext(attempt));
  return {
    path: `/callbacks/${key.token(attempt)}`,
    operation: callbackOperation({ attempt: 1, terms: sealed }),
  };
}

/** The job's events in the log. */
export async function eventsOf(gateway: TestGateway, jobId: string): Promise<JobEvent[]> {
  const events = await gateway.bus.jobs.read({ tenantId: TENANT, action: 'simulate', jobId });
  return events.map(({ event }) => event);
}

export async function endingOf(gateway: TestGateway, jobId: string): Promise<JobEvent | undefined> {
  return (await eventsOf(gateway, jobId)).find(({ type }) => /Succeeded|Failed|Canceled|Expired/.test(type));
}
