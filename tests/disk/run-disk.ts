import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { AUDIT_STREAM, auditSubjects, BUCKETS, bucketStream, JOBS_STREAM } from '@errand/contracts';
import { openDatabase } from '@errand/postgres';
import { type Receiver, rawNatsRequest, startReceiver } from '@errand/testkit';
import { sql } from 'kysely';
import { type BenchSystem, startBenchSystem } from '../../bench/harness/bench-system.ts';
import { DAY_VARIABLE } from './compressed-time.ts';
import { type DiskForm, RETENTION_DAYS } from './forms.ts';
import { type Growth, growthOf, mean } from './growth.ts';
import { INLINE_BYTES, startLoad } from './load.ts';
import { listStreams, measureSizes, type Sizes } from './sizes.ts';

/** What may keep its usual retention, so that the run has to find it. */
export const KEEPABLE = ['jobs', 'audit', 'summaries', 'deliveries'] as const;
export type Keepable = (typeof KEEPABLE)[number];

export interface DiskReport {
  readonly form: string;
  readonly jobs: number;
  readonly refused: number;
  readonly calls: number;
  /** Waiting jobs that were written anew, so that their older events could leave the log: in the last retention. */
  readonly carried: number;
  readonly growths: readonly Growth[];
  /** Why the run says nothing about a store. */
  readonly faults: readonly string[];
}

const SCHEDULER_FILE = fileURLToPath(new URL('./scheduler-process.ts', import.meta.url));
const PROJECTION_FILE = fileURLToPath(new URL('./projection-process.ts', import.meta.url));
const WEBHOOKS_FILE = fileURLToPath(new URL('./webhooks-process.ts', import.meta.url));

const SAMPLES = 7;
/** Waiting jobs are carried to the end of the log once a fiftieth of it is filled. */
const JOBS_MAX_BYTES = 30_000_000;
/** Executors are alive by it. */
const ALIVE = bucketStream(BUCKETS.executors);
/** Each so many calls of the webhook one is refused, and made again. */
const REFUSED_CALLS = 20;

/** Runs the whole system under a steady load with compressed retentions, and compares its sizes. */
export async function runDisk(options: {
  form: DiskForm;
  keep: Keepable | undefined;
  onRetention: (number: number, sizes: Sizes) => void;
}): Promise<DiskReport> {
  const { form, keep, onRetention } = options;
  const retentionMs = form.dayMs * RETENTION_DAYS;
  await using resources = new AsyncDisposableStack();
  const system = resources.use(
    await startBenchSystem(
      [
        { name: 'gateway' },
        { name: 'scheduler', mainFile: keep === 'jobs' ? undefined : SCHEDULER_FILE },
        { name: 'executor' },
        { name: 'projection', mainFile: keep === 'summaries' ? undefined : PROJECTION_FILE },
        { name: 'webhooks', mainFile: keep === 'deliveries' ? undefined : WEBHOOKS_FILE },
      ],
      {
        [DAY_VARIABLE]: String(form.dayMs),
        ERRAND_ACTIONS: fileURLToPath(new URL('./disk-action.ts', import.meta.url)),
        ERRAND_INLINE_PAYLOAD_BYTES: String(INLINE_BYTES),
        ERRAND_JOBS_MAX_BYTES: String(JOBS_MAX_BYTES),
        ERRAND_WEBHOOKS_RETENTION_DAYS: String(RETENTION_DAYS),
      },
    ),
  );
  await compressAges(system, { retentionMs, keep });
  const db = openDatabase({ url: system.databaseUrl, name: 'disk', poolSize: 2 });
  resources.defer(() => db.destroy());
  await compressPostgres(db);
  let calls = 0;
  const receiver: Receiver = resources.use(
    await startReceiver({
      respond() {
        // A long run would fill the memory with them.
        receiver.requests.length = 0;
        return ++calls % REFUSED_CALLS === 0 ? 500 : 200;
      },
    }),
  );
  await addEndpoint(system, receiver.url);
  const load = resources.use(
    await startLoad(system, { jobsPerSecond: form.jobsPerSecond, laterMs: retentionMs * 0.75 }),
  );

  const seen: Sizes[] = [];
  let logsBefore = (await measureSizes(system, db)).logs;
  const begunMs = performance.now();
  for (let retention = 1; retention <= form.retentions; retention++) {
    const samples: Sizes[] = [];
    for (let sample = 1; sample <= SAMPLES; sample++) {
      const dueMs = begunMs + (retention - 1 + sample / SAMPLES) * retentionMs;
      await pause(Math.max(0, dueMs - performance.now()));
      samples.push(await measureSizes(system, db));
    }
    // It comes every five minutes, and so thousands of times in each retention.
    await sql`checkpoint`.execute(db);
    const logs = samples.at(-1)?.logs ?? 0;
    const sizes = { ...meanOf(samples), logs: logs - logsBefore };
    logsBefore = logs;
    seen.push(sizes);
    onRetention(retention, sizes);
  }
  const { accepted: jobs, refused } = load;
  const carried = await countCarried(system);
  const growths = storesOf(seen).map(([store, bytes]) => growthOf(store, bytes, form));
  const empty = growths.filter(({ earlyBytes }) => earlyBytes === 0).map(({ store }) => `${store} is empty`);
  const faults = [
    ...empty,
    ...(refused === 0 ? [] : [`${refused} runs were refused`]),
    ...(calls === 0 ? ['no webhook was called'] : []),
    ...(carried === 0 ? ['no waiting job was carried'] : []),
  ];
  return { form: form.name, jobs, refused, calls, carried, growths, faults };
}

/** Whatever NATS drops by its age is dropped after one retention. JOBS is the scheduler's. */
async function compressAges(
  { nats }: BenchSystem,
  { retentionMs, keep }: { retentionMs: number; keep: Keepable | undefined },
): Promise<void> {
  const maxAge = retentionMs * 1_000_000;
  for (const { config } of await listStreams(nats.url)) {
    const isKept = config.name === JOBS_STREAM || config.name === ALIVE || config.max_age === 0;
    if (isKept || (keep === 'audit' && config.name === AUDIT_STREAM)) continue;
    const wanted = {
      ...config,
      max_age: maxAge,
      duplicate_window: Math.min(config.duplicate_window, maxAge),
    };
    const { error } = await rawNatsRequest(nats.url, `$JS.API.STREAM.UPDATE.${config.name}`, wanted);
    if (error) throw new Error(`${config.name} was not changed: ${JSON.stringify(error)}`);
  }
}

async function countCarried({ nats }: BenchSystem): Promise<number> {
  const [subject = ''] = auditSubjects({ tenantId: 'bench', types: ['JobCarried'] });
  const wanted = { subjects_filter: subject };
  const { state } = await rawNatsRequest(nats.url, `$JS.API.STREAM.INFO.${AUDIT_STREAM}`, wanted);
  const { subjects = {} } = state as { subjects?: Record<string, number> };
  return Object.values(subjects).reduce((sum, each) => sum + each, 0);
}

/** Postgres looks for dead rows once a minute, ten thousand times in seven days; and it keeps segments of its log for reuse. */
async function compressPostgres(db: ReturnType<typeof openDatabase>): Promise<void> {
  await sql`alter system set autovacuum_naptime = '1s'`.execute(db);
  await sql`alter system set min_wal_size = '32MB'`.execute(db);
  await sql`alter system set max_wal_size = '64MB'`.execute(db);
  await sql`select pg_reload_conf()`.execute(db);
}

async function addEndpoint({ url, adminKey }: BenchSystem, receiverUrl: string): Promise<void> {
  const answer = await fetch(`${url}/v2/tenants/bench/webhooks`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ url: receiverUrl }),
  });
  if (answer.status !== 201) throw new Error(await answer.text());
}

function storesOf(seen: readonly Sizes[]): [keyof Sizes, number[]][] {
  const names = Object.keys(seen[0] ?? {}) as (keyof Sizes)[];
  return names.map((name) => [name, seen.map((sizes) => sizes[name])]);
}

function meanOf(samples: readonly Sizes[]): Sizes {
  return Object.fromEntries(
    storesOf(samples).map(([name, bytes]) => [name, mean(bytes)]),
  ) as unknown as Sizes;
}
