import type { EndedJob } from '@errand/client';
import type { Command } from 'commander';
import { type Bind, tell, type World } from '../../command.ts';
import { CommandFailed, type ExitCode } from '../../output/exit-codes.ts';
import { jobText } from '../../output/job-text.ts';
import { drawBar, startBar } from '../../output/progress-bar.ts';
import { readDuration, readJobId } from '../../settings/read-values.ts';

export function addWait(program: Command, bind: Bind): void {
  program
    .command('wait')
    .description('wait for a job to end, with a progress bar on a terminal')
    .argument('<job_id>', 'the job', readJobId)
    .option('--timeout <duration>', 'give up after this time, such as 60s or 5m', readDuration)
    .action(
      bind((world, { timeout }: { timeout?: number }, jobId = '') => waitAndTell(world, jobId, timeout), {
        jsonWhenPiped: true,
      }),
    );
}

/** Waits for the job and prints it. 1 if it did not succeed. */
export async function waitAndTell(
  world: World,
  jobId: string,
  timeoutMs: number | undefined,
): Promise<ExitCode> {
  const job = await watch(world, jobId, timeoutMs);
  tell(world, job, () => jobText(job, world.now()));
  return job.status === 'succeeded' ? 0 : 1;
}

async function watch(world: World, jobId: string, timeoutMs: number | undefined): Promise<EndedJob> {
  const { signal, columns } = world;
  const errand = await world.errand();
  const bar = columns && !world.json ? startBar(world, columns, drawBar) : undefined;
  try {
    return await errand.wait(jobId, { signal, timeoutMs, onUpdate: bar?.update });
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new CommandFailed(130, [`stopped watching; the job continues: errand wait ${jobId}`]);
  } finally {
    bar?.stop();
  }
}
