import { BUCKETS, type BulkAction, BulkAction as BulkRecord, type RunAccepted } from '@errand/contracts';
import { waitUntil } from '@errand/testkit';
import { RUN_PATH, STARTED, TENANT, type TestGateway } from './gateway.ts';
import type { TestReadModel } from './read-model.ts';

/* Test-only: jobs for bulk actions, and calls of these. */

export const BULK = `/v2/tenants/${TENANT}/bulk-actions`;

const FAILED = {
  type: 'JobFailed',
  data: { attempt: 1, error: { code: 'action_failed', message: 'no' }, duration_ms: 1 },
} as const;

export interface BulkTest {
  /** So many queued jobs with a metadata entry `group`, in the read model too. */
  runJobs(count: number, group: string): Promise<RunAccepted[]>;
  /** The same of jobs that have failed. */
  runFailed(count: number, group: string): Promise<RunAccepted[]>;
  start(action: string, filter: object, options?: { token?: string }): Promise<BulkAnswer>;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of many shapes.
  get(bulkId: string): Promise<any>;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of many shapes.
  waitFor(bulkId: string, isWanted: (action: any) => boolean): Promise<any>;
  /** The record as it is stored, and what writes it. */
  stored(bulkId: string): Promise<BulkAction>;
  put(action: BulkAction): Promise<void>;
  /** Of each job, how many retries of it the log holds. */
  retriesOf(jobs: readonly RunAccepted[]): Promise<number[]>;
}

type BulkAnswer = Awaited<ReturnType<TestGateway['call']>>;

export async function openBulkTest(gateway: TestGateway, readModel: TestReadModel): Promise<BulkTest> {
  const bucket = await gateway.bus.buckets.open(BUCKETS.bulkActions, BulkRecord);
  const key = (bulkId: string) => `${TENANT}.${bulkId}`;
  const get = async (bulkId: string) => (await gateway.call(`${BULK}/${bulkId}`)).json;
  const project = async (jobs: readonly RunAccepted[]) => {
    for (const { job_id } of jobs) await readModel.project(job_id);
  };

  async function request(count: number, group: string): Promise<RunAccepted[]> {
    const items = Array.from({ length: count }, () => ({ tilt_deg: 1, _job: { metadata: { group } } }));
    const { json } = await gateway.call(RUN_PATH.replace(/run$/, 'run-batch'), { body: { items } });
    return json.items;
  }

  return {
    get,
    async runJobs(count, group) {
      const jobs = await request(count, group);
      await project(jobs);
      return jobs;
    },
    async runFailed(count, group) {
      const jobs = await request(count, group);
      for (const { job_id, version } of jobs) {
        const started = await gateway.append(job_id, version, STARTED);
        await gateway.append(job_id, started ?? 0, FAILED);
      }
      await project(jobs);
      return jobs;
    },
    start: (action, filter, options = {}) => gateway.call(BULK, { body: { action, filter }, ...options }),
    waitFor: (bulkId, isWanted) =>
      waitUntil(async () => {
        const action = await get(bulkId);
        return isWanted(action) ? action : undefined;
      }),
    async stored(bulkId) {
      const action = await bucket.get(key(bulkId));
      if (!action) throw new Error('there is no such bulk action');
      return action;
    },
    put: (action) => bucket.put(key(action.bulk_id), action),
    async retriesOf(jobs) {
      const counts = new Map(jobs.map(({ job_id }) => [job_id, 0]));
      for await (const { decoded } of gateway.bus.jobs.readAll({ afterVersion: 0, pageSize: 500 })) {
        for (const each of decoded) {
          if (each.kind !== 'event' || each.recorded.event.type !== 'JobRequested') continue;
          const of = each.recorded.event.data.retry_of ?? '';
          if (counts.has(of)) counts.set(of, (counts.get(of) ?? 0) + 1);
        }
      }
      return [...counts.values()];
    },
  };
}
