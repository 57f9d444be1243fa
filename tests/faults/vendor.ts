import { setTimeout as sleep } from 'node:timers/promises';
import type { RecordedEvent } from '@errand/contracts';
import { startReceiver } from '@errand/testkit';
import { request } from 'undici';
import type { Violation } from './promise-check.ts';
import type { Random } from './random.ts';

/** An outside system that is told URLs, and calls each until there is a conclusive answer. */
export interface Vendor extends AsyncDisposable {
  readonly url: string;
  /** Conclusive answers, and how many calls had none, by status; `broken` for a connection that broke. */
  readonly answers: ReadonlyMap<string, number>;
  /** Jobs and attempts that a call has ended, by what it was answered. */
  readonly ended: readonly { jobId: string; attempt: number }[];
  /** Resolves when every URL has been called, or given up. */
  done(): Promise<void>;
}

const PAUSE_MS = 200;
const MAX_TRIES = 300;
const TIMEOUT_MS = 6_000;

export async function startVendor(random: Random): Promise<Vendor> {
  const answers = new Map<string, number>();
  const ended: { jobId: string; attempt: number }[] = [];
  const calls: Promise<void>[] = [];
  const receiver = await startReceiver({
    respond({ body }) {
      calls.push(callBack(body, random.between(0, 1_500)));
      return 202;
    },
  });

  async function callBack(url: string, afterMs: number): Promise<void> {
    await sleep(afterMs);
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const status = await call(url);
      answers.set(String(status), (answers.get(String(status)) ?? 0) + 1);
      if (status === 200) ended.push(attemptOf(url));
      if (typeof status === 'number' && status < 500) return;
      await sleep(PAUSE_MS);
    }
  }

  return {
    url: receiver.url,
    answers,
    ended,
    async done() {
      await Promise.all(calls);
    },
    [Symbol.asyncDispose]: () => receiver[Symbol.asyncDispose](),
  };
}

async function call(url: string): Promise<number | 'broken'> {
  try {
    const options = { headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS, body: '{"said":"done"}' };
    const headers = { 'content-type': 'application/json' };
    const { statusCode, body } = await request(url, { method: 'POST', headers, ...options });
    await body.dump();
    return statusCode;
  } catch {
    return 'broken';
  }
}

/** Of a token: `<tenant_id>.<action>.<job_id>.<attempt>.<signature>`. */
function attemptOf(url: string): { jobId: string; attempt: number } {
  const [, , jobId = '', attempt = ''] = url.slice(url.lastIndexOf('/') + 1).split('.');
  return { jobId, attempt: Number(attempt) };
}

/** A call that was answered 200 has ended its job, under its attempt. */
export function checkCalls(
  { ended }: Pick<Vendor, 'ended'>,
  log: ReadonlyMap<string, readonly RecordedEvent[]>,
): Violation[] {
  return ended.flatMap(({ jobId, attempt }) => {
    const holds = log.get(jobId)?.some(({ event }) => {
      return event.type === 'JobSucceeded' && event.data.attempt === attempt;
    });
    return holds ? [] : [{ kind: 'call_not_counted', jobId, detail: `attempt ${attempt} was answered 200` }];
  });
}
