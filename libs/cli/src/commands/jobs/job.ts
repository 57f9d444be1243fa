import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ErrandError } from '@errand/client';
import { causeOf } from '@errand/client/for-command';
import type { Command } from 'commander';
import { CannotRun } from '../../cannot-run.ts';
import { type Bind, tell, type World } from '../../command.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { jobText } from '../../output/job-text.ts';
import { shellWord } from '../../output/text.ts';
import { writeWhole } from '../../output/write-whole.ts';
import { collectPair, readDuration, readJobId, readJson } from '../../settings/read-values.ts';
import { editJson } from './edit-json.ts';
import { waitAndTell } from './wait.ts';

/** Commands about one job. */
export function addJob(program: Command, bind: Bind): void {
  const about = (name: string, description: string) =>
    program.command(name).description(description).argument('<job_id>', 'the job', readJobId);
  about('status', 'show the status of a job').action(bind(status, { jsonWhenPiped: true }));
  about('cancel', 'cancel a job')
    .option('--reason <text>', 'reason to record in its events')
    .action(bind(cancel, { jsonWhenPiped: true }));
  about('retry', 'run an ended job again, with the same input or another one')
    .option('--input <json>', 'another input: JSON, @file, or - for stdin')
    .option('--edit', 'change the input in $EDITOR first')
    .option('--metadata <name=value>', 'instead of its metadata; repeatable', collectPair)
    .option('--idempotency-key <key>', 'the same key returns the same job')
    .option('--wait', 'wait for the job to end')
    .option('--timeout <duration>', 'with --wait: give up after this time', readDuration)
    .action(bind(retry, { jsonWhenPiped: true }));
  for (const what of ['result', 'input'] as const) {
    about(what, `download a job's ${what}`)
      .option('--out <file>', 'write to this file instead of stdout')
      .action(
        bind((world, options: { out?: string }, jobId) => download(world, { ...options, what }, jobId)),
      );
  }
}

async function status(world: World, _: unknown, jobId = ''): Promise<ExitCode> {
  const job = await (await world.errand()).status(jobId, { signal: world.signal });
  tell(world, job, () => jobText(job, world.now()));
  return 0;
}

const CANCELED = {
  canceled: 'canceled',
  requested: 'its executor was asked to stop; it may still succeed',
  too_late: 'too late: the job had already ended',
} as const;

async function cancel(world: World, { reason }: { reason?: string }, jobId = ''): Promise<ExitCode> {
  const outcome = await (await world.errand()).cancel(jobId, { reason, signal: world.signal });
  tell(world, outcome, () => `${CANCELED[outcome.kind]}\n${jobText(outcome.job, world.now())}`);
  return outcome.kind === 'too_late' ? 1 : 0;
}

interface RetryOptions {
  readonly input?: string;
  readonly edit?: true;
  readonly metadata?: Record<string, string>;
  readonly idempotencyKey?: string;
  readonly wait?: true;
  readonly timeout?: number;
}

async function retry(world: World, options: RetryOptions, jobId = ''): Promise<ExitCode> {
  const { input, edit, metadata, idempotencyKey, wait, timeout } = options;
  const { signal } = world;
  const errand = await world.errand();
  let changed = input === undefined ? undefined : await readJson(input, world.stdin, 'the input');
  if (edit)
    changed = await editJson(changed ?? (await (await errand.input(jobId, { signal })).json()), world);
  const job = await errand.retry(jobId, { input: changed, metadata, idempotencyKey, signal });
  if (wait) {
    if (!world.json) world.say(`job ${job.job_id}`);
    return waitAndTell(world, job.job_id, timeout);
  }
  tell(world, job, () => `job ${job.job_id}, to wait: errand wait ${shellWord(job.job_id)}`);
  return 0;
}

/** With a file, the answer describes it; without one, stdout is the download itself, byte for byte. */
async function download(
  world: World,
  { out, what }: { out?: string; what: 'input' | 'result' },
  jobId = '',
): Promise<ExitCode> {
  const { signal } = world;
  const opened = await (await world.errand())[what](jobId, { signal });
  const body = Readable.fromWeb(opened.stream() as Parameters<typeof Readable.fromWeb>[0]);
  if (out === undefined) {
    await pipeline(body, world.stdout, { end: false, signal });
    if (world.columns && opened.contentType.includes('json')) world.stdout.write('\n');
    return 0;
  }
  try {
    await writeWhole(out, body, { signal });
  } catch (error) {
    if (error instanceof ErrandError || signal.aborted) throw error;
    throw new CannotRun(`${out} cannot be written: ${causeOf(error)}`);
  }
  const { contentType: content_type, bytes, sha256, filename } = opened;
  tell(
    world,
    { file: out, content_type, bytes, sha256, filename },
    () => `${out}: ${bytes} bytes of ${content_type}`,
  );
  return 0;
}
