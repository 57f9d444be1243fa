import { connectionOf } from '@errand/bus/testing';
import { foldJob } from '@errand/domain';
import { createDailyPartitions, type Db, migrate, openDatabase, rowOfState } from '@errand/postgres';
import { waitUntil } from '@errand/testkit';
import { TENANT, type TestGateway } from './gateway.ts';

/* Test-only: what the projection would make of a job, or what it would be if it came late or went wrong. */

export interface TestReadModel extends AsyncDisposable {
  readonly db: Db;
  /** Writes the row of a job from the log, with columns changed. */
  project(jobId: string, change?: (row: ReturnType<typeof rowOfState>) => object): Promise<void>;
}

/** Without a table until `migrate` is called. */
export function openReadModel(gateway: TestGateway): TestReadModel & { migrate(): Promise<void> } {
  const db = openDatabase({ url: gateway.database.url, name: 'test', poolSize: 2 });
  return {
    db,
    migrate: () => migrate(db),
    async project(jobId, change = () => ({})) {
      const state = foldJob(await gateway.bus.jobs.read({ tenantId: TENANT, jobId }));
      if (!state) throw new Error('the job is not in the log');
      const row = rowOfState(state);
      const values = { ...row, ...change(row) };
      await createDailyPartitions(db, 'job_summary').ensureFor([jobId]);
      await db.deleteFrom('job_summary').where('job_id', '=', jobId).execute();
      await db.insertInto('job_summary').values(values).execute();
    },
    [Symbol.asyncDispose]: () => db.destroy(),
  };
}

/** Makes the log forget a job, as it does when its events are too old. */
export function forget(gateway: TestGateway, jobId: string): Promise<void> {
  return purge(gateway, 'JOBS', `jobs.${TENANT}.*.${jobId}.>`);
}

/** A log cannot let go of what is younger than its window of duplicates. */
const TRIMMED_MS = 300;

/** Lets all leave the log up to a version, as the scheduler does once nobody needs it. */
export async function trim({ bus: { jobs } }: Pick<TestGateway, 'bus'>, version: number): Promise<void> {
  const storedMs = (await jobs.storedAt(version)) ?? 0;
  await waitUntil(async () => (await jobs.readWindow()).nowMs > storedMs + TRIMMED_MS);
  const beforeMs = storedMs + 1;
  await jobs.trim({ beforeMs, neededFrom: { version: version + 1, storedMs: beforeMs } });
  await waitUntil(async () => (await jobs.storedAt(version)) === undefined);
}

/** Makes the audit log forget all of the tenant's jobs. */
export function forgetAudit(gateway: TestGateway): Promise<void> {
  return purge(gateway, 'AUDIT', `audit.${TENANT}.>`);
}

async function purge(gateway: TestGateway, stream: string, filter: string): Promise<void> {
  const answer = await connectionOf(gateway.bus).request(
    `$JS.API.STREAM.PURGE.${stream}`,
    JSON.stringify({ filter }),
  );
  if (!answer.json<{ success?: boolean }>().success) throw new Error(answer.string());
}
