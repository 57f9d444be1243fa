import { JobSummary, RunAccepted } from '@errand/contracts';
import { isEnded } from '@errand/domain';
import { Pool } from 'undici';
import type { BenchSystem } from './bench-system.ts';

/** A job that has ended, as every status call must answer it. */
export interface EndedJob {
  readonly jobId: string;
  readonly status: string;
  readonly version: number;
}

export interface Answers {
  runs: number;
  /** Status calls that were compared. */
  compared: number;
  /** Calls answered with 503: nothing is reported, so nothing is wrong. */
  unavailable: number;
  wrong: number;
  /** The first few wrong ones. */
  samples: string[];
}

const READERS = 4;
const RUN_CONNECTIONS = 32;
const SAMPLES = 5;
/** Only this many of the newest jobs are asked about. */
const RECENT = 2_000;

/**
 * Runs jobs at a steady rate and repeatedly asks for the status of these and of ended ones. A run must be answered with
 * 202; an accepted job must be known, its version must not fall, and once ended it stays as it is.
 */
export async function startTraffic(options: {
  system: BenchSystem;
  runsPerS: number;
  endedJobs: readonly EndedJob[];
}): Promise<{ stop(): Promise<Answers> }> {
  const { system, runsPerS, endedJobs } = options;
  const pool = new Pool(system.url, { connections: RUN_CONNECTIONS });
  // Readers do not queue behind runs.
  const readerPool = new Pool(system.url, { connections: READERS });
  const headers = { authorization: `Bearer ${system.adminKey}`, 'content-type': 'application/json' };
  const answers: Answers = { runs: 0, compared: 0, unavailable: 0, wrong: 0, samples: [] };
  const run: { jobId: string; seen: EndedJob }[] = [];
  const wrong = (what: string) => {
    answers.wrong++;
    if (answers.samples.length < SAMPLES) answers.samples.push(what);
  };
  let stopped = false;

  async function runOne(): Promise<void> {
    const answer = await pool.request({
      method: 'POST',
      path: '/v2/tenants/bench/noop/run',
      headers,
      body: '{}',
    });
    const body = await answer.body.json();
    if (answer.statusCode !== 202) return wrong(`run: ${answer.statusCode}`);
    const { job_id: jobId, version, status } = RunAccepted.parse(body);
    answers.runs++;
    run.push({ jobId, seen: { jobId, version, status } });
    if (run.length > RECENT) run.shift();
  }

  async function ask(jobId: string): Promise<EndedJob | undefined> {
    const path = `/v2/tenants/bench/jobs/${jobId}`;
    const answer = await readerPool.request({ method: 'GET', path, headers });
    const body = await answer.body.json();
    if (answer.statusCode === 503) {
      answers.unavailable++;
      return undefined;
    }
    answers.compared++;
    if (answer.statusCode !== 200) {
      wrong(`${jobId}: ${answer.statusCode} ${JSON.stringify(body).slice(0, 200)}`);
      return undefined;
    }
    const { status, version } = JobSummary.parse(body);
    return { jobId, status, version };
  }

  async function read(turn: number): Promise<void> {
    const ended = endedJobs[(turn * 7_919) % Math.max(1, endedJobs.length)];
    const told = ended && (await ask(ended.jobId));
    if (told && !isSame(told, ended)) wrong(`${JSON.stringify(told)}, not ${JSON.stringify(ended)}`);
    const recent = run[(turn * 31) % Math.max(1, run.length)];
    const { seen } = recent ?? {};
    const now = recent && (await ask(recent.jobId));
    if (!recent || !seen || !now) return;
    const mayDiffer = !isEnded(seen.status as JobSummary['status']);
    if (now.version < seen.version || (!mayDiffer && !isSame(now, seen))) {
      wrong(`${JSON.stringify(now)} after ${JSON.stringify(seen)}`);
    }
    // Another reader may have seen a newer one meanwhile.
    if (now.version > recent.seen.version) recent.seen = now;
  }

  const running = new Set<Promise<void>>();
  const beganAt = performance.now();
  let due = 0;
  const timer = setInterval(() => {
    for (; due < ((performance.now() - beganAt) / 1_000) * runsPerS; due++) {
      const one = runOne().catch((error) => wrong(`run: ${error}`));
      running.add(one);
      void one.then(() => running.delete(one));
    }
  }, 10);
  const readers = Array.from({ length: READERS }, async (_, reader) => {
    for (let turn = reader; !stopped; turn += READERS) {
      await read(turn).catch((error) => wrong(`status: ${error}`));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });
  return {
    async stop() {
      clearInterval(timer);
      stopped = true;
      await Promise.all([...readers, ...running]);
      await Promise.all([pool.close(), readerPool.close()]);
      return answers;
    },
  };
}

function isSame(a: EndedJob, b: EndedJob): boolean {
  return a.status === b.status && a.version === b.version;
}
