import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from './client.ts';
import type { AcceptedJob } from './load.ts';
import type { Violation } from './promise-check.ts';
import type { Random } from './random.ts';

/** The answers to status calls during the run. */
export interface StatusReading {
  /** Calls that were answered with a summary. */
  readonly answered: number;
  /** Calls that were refused with 503 or whose connection broke. */
  readonly unanswered: number;
  /** Known jobs that were reported as unknown, and versions that went back. */
  readonly violations: readonly Violation[];
  readonly done: Promise<void>;
}

const LANES = 3;
const PAUSE_MS = 50;

/** Asks for the status of random accepted jobs until the signal: it must know each, and never forget a version. */
export function startStatusReader(
  client: Client,
  { accepted, random, signal }: { accepted: readonly AcceptedJob[]; random: Random; signal: AbortSignal },
): StatusReading {
  const newestTold = new Map<string, number>();
  const violations: Violation[] = [];
  let answered = 0;
  let unanswered = 0;

  async function read({ jobId, version }: AcceptedJob): Promise<void> {
    // What other lanes are told meanwhile binds only calls that begin afterwards.
    const told = newestTold.get(jobId) ?? version;
    const answer = await client.ask('GET', `/v2/tenants/${client.tenantId}/jobs/${jobId}`);
    if (answer.kind === 'broken' || answer.status >= 500) {
      unanswered += 1;
      return;
    }
    const seen = answer.status === 200 ? (answer.body as { version: number }).version : 0;
    answered += 1;
    newestTold.set(jobId, Math.max(seen, newestTold.get(jobId) ?? 0));
    if (answer.status !== 200) {
      violations.push({ kind: 'status_refused', jobId, detail: `answered ${answer.status}` });
    } else if (seen < told) {
      const detail = `from ${told} to ${seen}, at ${new Date().toISOString()}`;
      violations.push({ kind: 'version_went_back', jobId, detail });
    }
  }

  const lane = async () => {
    while (!signal.aborted) {
      // The newest are the most likely to be running.
      const recent = accepted.slice(-100);
      if (recent.length > 0) await read(random.pick(recent));
      await sleep(PAUSE_MS);
    }
  };
  const done = Promise.all(Array.from({ length: LANES }, lane)).then(() => {});
  return {
    get answered() {
      return answered;
    },
    get unanswered() {
      return unanswered;
    },
    violations,
    done,
  };
}
