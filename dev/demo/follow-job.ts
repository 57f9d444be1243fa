import { setTimeout as sleep } from 'node:timers/promises';
import type { JobSummary } from '@errand/contracts';

const POLL_MS = 5;

/** A job's status in one line, with its progress while it runs. */
function describe({ status, progress }: Pick<JobSummary, 'status' | 'progress'>): string {
  if (progress === null || status !== 'running') return status;
  const message = progress.message === null ? '' : ` ${progress.message}`;
  return `${status} ${String(progress.percent).padStart(3)} %${message}`;
}

/**
 * Asks for the status every few milliseconds and prints each change, until the job has ended.
 * @throws when the version goes backwards, or after `timeoutMs`.
 */
export async function followJob(options: {
  read: () => Promise<JobSummary>;
  say: (line: string) => void;
  timeoutMs: number;
}): Promise<{ summary: JobSummary; reads: number }> {
  const deadlineMs = performance.now() + options.timeoutMs;
  let seen: JobSummary | undefined;
  for (let reads = 1; performance.now() < deadlineMs; reads++) {
    const summary = await options.read();
    if (seen && summary.version < seen.version) {
      throw new Error(`the version went back from ${seen.version} to ${summary.version}`);
    }
    if (!seen || describe(seen) !== describe(summary)) options.say(describe(summary));
    if (summary.finished_at !== null) return { summary, reads };
    seen = summary;
    await sleep(POLL_MS);
  }
  throw new Error(`the job is still ${seen?.status} after ${options.timeoutMs / 1000} s`);
}
