/*
 * Callers under measurement, in their own process: each waits for one job, on an event stream or in a status call.
 * Given its order once, it says `waiting` when every call is made, and reports when every call is over.
 */
import { Agent, get } from 'node:http';
import { monotonicMs } from '../harness/queued-jobs.ts';
import type { WaitOrder, WaitReport } from './waiters.ts';

/** Calls that are being opened at the same time, so that the listening socket's backlog does not overflow. */
const CONNECTING = 64;
/** Longer than any wait. */
const SILENCE_MS = 90_000;
const ENDING = /^event: Job(Succeeded|Failed|Canceled|Expired)$/gm;

process.once('message', async (order: WaitOrder) => {
  // An agent without keep-alive: one connection per waiter.
  const agent = new Agent({ keepAlive: false, maxSockets: Number.POSITIVE_INFINITY });
  const report: WaitReport = { endedAtMs: [], failures: [] };
  const jobIds = order.jobIds.values();
  const over: Promise<void>[] = [];
  const lanes = Array.from({ length: CONNECTING }, async () => {
    for (const jobId of jobIds) {
      const call =
        order.how === 'events' ? followEvents(order, agent, jobId) : askStatus(order, agent, jobId);
      const outcome = call.ended.then(
        (atMs) => void report.endedAtMs.push([jobId, atMs]),
        (error) => void report.failures.push(String(error)),
      );
      over.push(outcome);
      await Promise.race([call.made, outcome]);
    }
  });
  await Promise.all(lanes);
  process.send?.('waiting');
  await Promise.all(over);
  process.send?.(report);
  process.disconnect?.();
});

interface Call {
  /** Resolves when the server has the request: it has begun to answer, or at least the request has been fully sent. */
  readonly made: Promise<unknown>;
  /** Resolves to the moment at which the caller learned of its job's end. */
  readonly ended: Promise<number>;
}

function followEvents(order: WaitOrder, agent: Agent, jobId: string): Call {
  const { promise: ended, resolve, reject } = Promise.withResolvers<number>();
  const url = `${order.url}/v2/tenants/bench/jobs/${jobId}/events`;
  const headers = { authorization: `Bearer ${order.adminKey}`, accept: 'text/event-stream' };
  const request = get(url, { agent, headers, timeout: SILENCE_MS });
  request.on('error', reject);
  const made = new Promise((begun) => {
    request.on('response', (response) => {
      let text = '';
      let atMs = Number.NaN;
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        begun(undefined);
        text += piece;
        if (Number.isNaN(atMs) && text.match(ENDING)) atMs = monotonicMs();
      });
      response.on('end', () => {
        const endings = text.match(ENDING)?.length ?? 0;
        if (endings === 1) resolve(atMs);
        else reject(new Error(`${response.statusCode}, a stream of ${endings} endings`));
      });
    });
  });
  return { made, ended };
}

function askStatus(order: WaitOrder, agent: Agent, jobId: string): Call {
  const { promise: ended, resolve, reject } = Promise.withResolvers<number>();
  const url = `${order.url}/v2/tenants/bench/noop/status?job_id=${jobId}&wait=60`;
  const headers = { authorization: `Bearer ${order.adminKey}` };
  const request = get(url, { agent, headers, timeout: SILENCE_MS }, (response) => {
    let text = '';
    response.setEncoding('utf8');
    response.on('data', (piece: string) => {
      text += piece;
    });
    response.on('end', () => {
      const atMs = monotonicMs();
      const { status } = JSON.parse(text) as { status?: string };
      if (response.statusCode === 200 && status === 'succeeded') resolve(atMs);
      else reject(new Error(`${response.statusCode}, status ${status}`));
    });
  });
  request.on('error', reject);
  const made = new Promise((sent) => request.on('finish', sent));
  return { made, ended };
}
