import { createHmac } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { type ReceivedRequest, type Receiver, startReceiver } from '@errand/testkit';
import { request } from 'undici';

/*
 * An outside system that takes work and calls back, as such systems do: twice, late, before its answer to the start has
 * arrived, with other words, at the moment of a cancel or of the end of the job's time, or not at all. Others forge calls
 * of it.
 */

export const VENDOR_SECRET = 'the secret of the vendor';

export const FORMS = [
  'once',
  'double',
  'different',
  'early',
  'forged',
  'failed',
  'with_cancel',
  'with_expiry',
  'silent',
] as const;
export type Form = (typeof FORMS)[number];

/** One call with its last answer. */
export interface VendorCall {
  readonly jobId: string;
  readonly attempt: number;
  readonly isForged: boolean;
  readonly body: { status: string; output?: { n: number } };
  readonly status: number;
  /** What it was answered before, or `broken` for a connection that was. */
  readonly before: readonly (number | 'broken')[];
  /** From the last try to its answer. */
  readonly answeredMs: number;
}

/** An answer as the document of the API is to promise it. */
interface VendorAnswer {
  readonly isProgress: boolean;
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
  readonly isCut: false;
}

export interface Vendor extends AsyncDisposable {
  readonly url: string;
  readonly calls: readonly VendorCall[];
  /** All that came, also those before a last one. */
  readonly answers: readonly VendorAnswer[];
  /** Resolves when no call is under way any more. */
  idle(): Promise<void>;
}

interface Work {
  readonly input: { readonly form: Form; readonly n: number; readonly finish_by_ms: number };
  readonly job: string;
  readonly notify: string;
}

const GIVE_UP_MS = 90_000;
const AGAIN_MS = 200;

/** `random` gives numbers in [0, 1). `onWithCancel` cancels a job at once. */
export async function startVendor(options: {
  random: () => number;
  onWithCancel: (jobId: string) => Promise<void>;
}): Promise<Vendor> {
  const { random, onWithCancel } = options;
  const calls: VendorCall[] = [];
  const answers: VendorAnswer[] = [];
  const under = new Set<Promise<unknown>>();

  async function post(url: string, text: string, secret = VENDOR_SECRET): Promise<number | 'broken'> {
    const signature = createHmac('sha256', secret).update(text).digest('hex');
    try {
      const headers = { 'content-type': 'application/json', 'x-signature': signature };
      const answer = await request(url, { method: 'POST', headers, body: text });
      const contentType = String(answer.headers['content-type'] ?? '');
      const isProgress = url.endsWith('/progress');
      const { statusCode: status } = answer;
      answers.push({ isProgress, status, contentType, text: await answer.body.text(), isCut: false });
      return status;
    } catch {
      return 'broken';
    }
  }

  function begin(call: Promise<unknown>): void {
    under.add(call);
    void call.finally(() => under.delete(call));
  }

  async function call(work: Work, body: VendorCall['body'], forge?: 'signature' | 'token'): Promise<void> {
    const text = JSON.stringify(body);
    const secret = forge === 'signature' ? 'a guess' : VENDOR_SECRET;
    const url = forge === 'token' ? work.notify.replace(/.{8}$/, 'AAAAAAAA') : work.notify;
    const before: VendorCall['before'][number][] = [];
    const giveUpAt = performance.now() + GIVE_UP_MS;
    for (;;) {
      const asked = performance.now();
      const status = await post(url, text, secret);
      const isOver = (status !== 503 && status !== 'broken') || performance.now() > giveUpAt;
      if (!isOver) {
        before.push(status);
        await pause(AGAIN_MS);
        continue;
      }
      const attempt = Number(/\.(\d+)\.[\w-]+$/.exec(work.notify)?.[1]);
      const answer = {
        status: status === 'broken' ? 0 : status,
        before,
        answeredMs: performance.now() - asked,
      };
      calls.push({ jobId: work.job, attempt, isForged: forge !== undefined, body, ...answer });
      return;
    }
  }

  async function work(work: Work): Promise<void> {
    const { form, n, finish_by_ms: finishByMs } = work.input;
    const done = { status: 'done', output: { n } };
    const isFirst = work.notify.includes(`${work.job}.1.`);
    if (form === 'early') return call(work, done);
    if (form === 'silent' && isFirst) {
      // Long after its time, when the next attempt has had its call.
      await pause(5_000);
      return call(work, done);
    }
    if (form === 'with_expiry') await pause(Math.max(0, finishByMs - Date.now() - 300 + random() * 600));
    else await pause(random() * 1_500);
    if (form === 'once') await post(`${work.notify}/progress`, '{"percent":50,"message":"half"}');
    switch (form) {
      case 'double':
        await Promise.all([call(work, done), call(work, done)]);
        return call(work, done);
      case 'different':
        await Promise.all([call(work, done), call(work, { status: 'done', output: { n: n + 1 } })]);
        return;
      case 'forged':
        await Promise.all([call(work, done, 'signature'), call(work, done, 'token')]);
        return call(work, done);
      case 'failed':
        return call(work, { status: 'failed' });
      case 'with_cancel':
        await Promise.all([call(work, done), onWithCancel(work.job)]);
        return;
      default:
        return call(work, done);
    }
  }

  async function respond({ body }: ReceivedRequest) {
    const asked = JSON.parse(body) as Work;
    begin(work(asked));
    // The call is on its way while the attempt still waits for this answer.
    if (asked.input.form === 'early') await pause(300);
    return { status: 202 };
  }

  const receiver: Receiver = await startReceiver({ respond });
  return {
    url: receiver.url,
    calls,
    answers,
    async idle() {
      while (under.size > 0) await Promise.all(under);
    },
    [Symbol.asyncDispose]: () => receiver[Symbol.asyncDispose](),
  };
}
