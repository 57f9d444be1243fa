import type { Pool } from 'undici';
import { cpuSeconds } from '../harness/process-usage.ts';

/** A system that takes runs of a job that does nothing over HTTP. */
export interface Contender extends AsyncDisposable {
  readonly name: string;
  /** What it is, in a line. */
  readonly about: string;
  /** By name: each of its processes. The one that asks is not among them. */
  readonly pids: Readonly<Record<string, number>>;
  /** Origin of the requests. */
  readonly url: string;
  /** Asks for a job; answered when the job is accepted. */
  readonly run: Call;
  /** Asks for a job; answered when the job has ended. */
  readonly runAndWait: Call;
  /** Whether all jobs have ended of which it was ever asked for this many. Costs its database no statement. */
  haveEnded(jobs: number): Promise<boolean>;
}

export interface Call {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
  /** Of the answer. */
  readonly status: number;
}

/** @throws Error for an answer of another status */
export async function post(pool: Pool, { path, headers, body, status }: Call): Promise<string> {
  const answer = await pool.request({
    path,
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });
  const text = await answer.body.text();
  if (answer.statusCode !== status)
    throw new Error(`${path} was answered with ${answer.statusCode}: ${text}`);
  return text;
}

/** Seconds of CPU by process so far. */
export async function cpuOf(pids: Contender['pids']): Promise<Map<string, number>> {
  const seconds = Object.entries(pids).map(async ([name, pid]) => [name, await cpuSeconds(pid)] as const);
  return new Map(await Promise.all(seconds));
}
