import { randomBytes, randomUUIDv7 } from 'node:crypto';
import { rawNatsRequest, waitUntil } from '@errand/testkit';
import { Pool } from 'undici';
import type { BenchSystem } from '../../bench/harness/bench-system.ts';

/** Inputs above this size are stored apart. */
export const INLINE_BYTES = 32_768;

/** What does not compress. */
const UNREADABLE = randomBytes(1_500).toString('base64');
const FILLER = randomBytes(6_000).toString('base64');
const LARGE_FILLER = randomBytes(90_000).toString('base64');
const TICK_MS = 10;
const CONNECTIONS = 32;

/** Of a hundred jobs. The others succeed. */
const FAILING = 10;
const RETRYING = 5;
const LARGE = 5;
const STARTING_LATER = 2;

export interface Load extends AsyncDisposable {
  /** Runs that were accepted, and those that were not. */
  readonly accepted: number;
  readonly refused: number;
}

/**
 * Sends jobs at a steady rate, each with an Idempotency-Key, until disposed: some fail, some are retried, some start
 * later, some have a large input, and once a second an event is written that nobody can read.
 */
export async function startLoad(
  system: Pick<BenchSystem, 'url' | 'adminKey' | 'nats'>,
  { jobsPerSecond, laterMs }: { jobsPerSecond: number; laterMs: number },
): Promise<Load> {
  const pool = new Pool(system.url, { connections: CONNECTIONS });
  const authorization = `Bearer ${system.adminKey}`;
  const underWay = new Set<Promise<void>>();
  const counts = { accepted: 0, refused: 0 };

  async function run(body: object, query = ''): Promise<number> {
    const answer = await pool.request({
      method: 'POST',
      path: `/v2/tenants/bench/disk/run${query}`,
      headers: { authorization, 'content-type': 'application/json', 'idempotency-key': randomUUIDv7() },
      body: JSON.stringify(body),
    });
    await answer.body.dump();
    return answer.statusCode;
  }
  async function runOne(number: number): Promise<void> {
    const status = await run(bodyOf(number % 100, laterMs)).catch(() => 0);
    if (status === 202) counts.accepted++;
    else counts.refused++;
  }
  async function writeUnreadable(): Promise<void> {
    await rawNatsRequest(system.nats.url, `jobs.bench.disk.${randomUUIDv7()}.succeeded`, UNREADABLE);
  }

  await waitUntil(async () => (await run(bodyOf(0, laterMs), '?validate_only=true')) === 200);
  const begunMs = performance.now();
  let sent = 0;
  const begin = (work: Promise<void>) => {
    const done = work.finally(() => underWay.delete(done));
    underWay.add(done);
  };
  const timer = setInterval(() => {
    const wanted = ((performance.now() - begunMs) / 1_000) * jobsPerSecond;
    for (; sent < wanted; sent++) {
      begin(runOne(sent));
      if (sent % jobsPerSecond === 0) begin(writeUnreadable());
    }
  }, TICK_MS);
  return {
    get accepted() {
      return counts.accepted;
    },
    get refused() {
      return counts.refused;
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await Promise.allSettled(underWay);
      await pool.destroy();
    },
  };
}

function bodyOf(of: number, laterMs: number): object {
  const outcome = of < FAILING ? 'fail' : of < FAILING + RETRYING ? 'retry' : 'succeed';
  const filler = of >= 50 && of < 50 + LARGE ? LARGE_FILLER : FILLER;
  const body = { outcome, filler };
  if (of < 100 - STARTING_LATER) return body;
  return { ...body, _job: { start_after: new Date(Date.now() + laterMs).toISOString() } };
}
