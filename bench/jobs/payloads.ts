import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { fileBlocks } from '../actions/file-action.ts';
import { type BenchSystem, startBenchSystem } from '../harness/bench-system.ts';
import { round } from '../harness/percentile.ts';
import { residentMb } from '../harness/process-usage.ts';

const BYTES = 50 * 1_048_576;
const WARM_UP_BYTES = 1_048_576;
const ROUNDS = 3;
const GOAL_MB = 64;
const MEASURED = ['executor', 'gateway'] as const;

/**
 * A file of 50 MiB from an action's worker thread through the log to a caller: the peak memory of the executor and the
 * gateway above what they held at rest, and how long it takes. Every byte is compared.
 */
export async function benchPayloads(): Promise<object> {
  const mainFile = fileURLToPath(new URL('../actions/file-executor.ts', import.meta.url));
  await using system = await startBenchSystem([
    { name: 'gateway' },
    { name: 'executor', mainFile },
    { name: 'projection' },
  ]);
  const expected = sha256Of(BYTES);
  await make(system, WARM_UP_BYTES);
  const rounds = [];
  for (let index = 0; index < ROUNDS; index++) {
    const restMb = await resetPeaks(system);
    const made = await make(system, BYTES);
    if (made.sha256 !== expected || made.told !== expected) throw new Error('the download is another file');
    const peaks = await Promise.all(MEASURED.map((name) => residentMb(system.pids[name] as number)));
    const growthMb = peaks.map(({ peak }, place) => round(peak - (restMb[place] ?? 0), 1));
    rounds.push({ executor_mb: growthMb[0], gateway_mb: growthMb[1], rest_mb: restMb, ...made });
  }
  return report(rounds);
}

/** Runs the job, awaits its end, and downloads the file without keeping it. */
async function make(system: BenchSystem, bytes: number) {
  const headers = { authorization: `Bearer ${system.adminKey}`, 'content-type': 'application/json' };
  const beganMs = performance.now();
  const ran = await fetch(`${system.url}/v2/tenants/bench/file/run`, {
    method: 'POST',
    headers: { ...headers, prefer: 'wait=60' },
    body: JSON.stringify({ bytes: String(bytes) }),
  });
  const { status, results_link: link } = (await ran.json()) as {
    status: string;
    results_link: { url: string; sha256: string };
  };
  if (status !== 'succeeded') throw new Error(`the job is ${status}`);
  const endedMs = performance.now();
  const download = await fetch(system.url + link.url, { headers });
  const hash = createHash('sha256');
  for await (const chunk of download.body ?? []) hash.update(chunk);
  return {
    told: link.sha256,
    sha256: hash.digest('hex'),
    make_ms: Math.round(endedMs - beganMs),
    download_ms: Math.round(performance.now() - endedMs),
  };
}

/** Makes the kernel forget the peaks so far (proc_pid_clear_refs(5)); resolves with what the processes hold, in MB. */
function resetPeaks(system: BenchSystem): Promise<number[]> {
  return Promise.all(
    MEASURED.map(async (name) => {
      const pid = system.pids[name] as number;
      await writeFile(`/proc/${pid}/clear_refs`, '5');
      return round((await residentMb(pid)).now, 1);
    }),
  );
}

function sha256Of(bytes: number): string {
  const hash = createHash('sha256');
  for (const block of fileBlocks(bytes)) hash.update(block);
  return hash.digest('hex');
}

function report(
  rounds: {
    executor_mb: number | undefined;
    gateway_mb: number | undefined;
    make_ms: number;
    download_ms: number;
  }[],
): object {
  console.log(
    '\nA file of 50 MiB, made by an action and downloaded; memory at the peak beyond that before, MB\n',
  );
  console.log('round   executor   gateway   make ms   download ms');
  for (const [index, each] of rounds.entries()) {
    const cells = [each.executor_mb, each.gateway_mb, each.make_ms, each.download_ms];
    const widths = [11, 10, 10, 14];
    console.log(
      `${index + 1}    ${cells.map((cell, place) => String(cell).padStart(widths[place] ?? 0)).join('')}`,
    );
  }
  const worst = Math.max(...rounds.flatMap((each) => [each.executor_mb ?? 0, each.gateway_mb ?? 0]));
  console.log(`\n${worst < GOAL_MB ? 'within' : 'beyond'} ${GOAL_MB} MB\n`);
  return { bytes: BYTES, goal_mb: GOAL_MB, worst_mb: worst, rounds };
}
