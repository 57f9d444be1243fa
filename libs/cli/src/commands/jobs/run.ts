import { type Errand, ErrandError, type JobOptions, resourceParameters, UsageError } from '@errand/client';
import type { Command } from 'commander';
import { CannotRun } from '../../cannot-run.ts';
import { type Bind, tell, type World } from '../../command.ts';
import { CommandFailed, type ExitCode, inputErrorLine } from '../../output/exit-codes.ts';
import { facts, shellWord } from '../../output/text.ts';
import { local } from '../../output/times.ts';
import { nearest } from '../../settings/nearest.ts';
import {
  collectPair,
  readCount,
  readDuration,
  readJson,
  readName,
  readTime,
} from '../../settings/read-values.ts';
import { waitAndTell } from './wait.ts';

interface RunOptions extends JobOptions {
  readonly resource?: Record<string, string>;
  readonly input?: string;
  readonly idempotencyKey?: string;
  readonly webhookUrl?: string;
  readonly webhookResults?: boolean;
  readonly wait?: true;
  readonly timeout?: number;
  readonly validateOnly?: true;
}

export function addRun(program: Command, bind: Bind, now: () => number): void {
  program
    .command('run')
    .description('run an action')
    .argument('<action>', 'action name; errand actions lists them', readName)
    .option('--resource <name=value>', "a parameter of the action's path; repeatable", collectPair)
    .option('--input <json>', 'the input: JSON, @file, or - for stdin (default: {})')
    .option('--metadata <name=value>', 'returned with the job and in webhooks; repeatable', collectPair)
    .option('--idempotency-key <key>', 'the same key and input return the same job for 7 days')
    .option('--start-after <time>', 'earliest start: a time, or a duration from now', readTime(1, now))
    .option('--start-by-s <seconds>', 'expire if no attempt has started by then', readCount)
    .option('--finish-by-s <seconds>', 'expire if it has not ended by then', readCount)
    .option('--webhook-url <url>', 'call this URL when the job ends')
    .option('--webhook-results', 'include the results in that call')
    .option('--validate-only', 'check the input without running')
    .option('--wait', 'wait for the job to end, as errand wait does')
    .option('--timeout <duration>', 'with --wait: give up after this time', readDuration)
    .action(bind(run, { jsonWhenPiped: true }));
}

/** @throws CannotRun */
function webhookOf(url: string | undefined, withResults = false) {
  if (url === undefined && withResults) throw new CannotRun('--webhook-results needs --webhook-url');
  if (url === undefined) return undefined;
  return withResults ? { url, include: ['results'] as const } : { url };
}

async function run(world: World, options: RunOptions, action = ''): Promise<ExitCode> {
  const {
    resource,
    idempotencyKey,
    wait,
    timeout,
    validateOnly,
    webhookUrl,
    webhookResults,
    signal: _,
    ...rest
  } = {
    ...options,
    signal: undefined,
  };
  const webhook = webhookOf(webhookUrl, webhookResults);
  const input = rest.input === undefined ? {} : await readJson(rest.input, world.stdin, 'the input');
  const errand = await world.errand();
  const { metadata, startAfter, startByS, finishByS } = rest;
  const given = {
    resource: resource ?? {},
    metadata,
    startAfter,
    startByS,
    finishByS,
    signal: world.signal,
    webhook,
  };
  if (validateOnly) {
    const validation = await explained(errand, action, () => errand.validate(action, input, given));
    tell(world, validation, () =>
      validation.kind === 'valid'
        ? 'the input is valid'
        : ['the input is not valid', ...validation.errors.map(inputErrorLine)].join('\n'),
    );
    return validation.kind === 'valid' ? 0 : 3;
  }
  const job = await explained(errand, action, () => errand.run(action, input, { ...given, idempotencyKey }));
  if (wait) {
    if (!world.json) world.say(`job ${job.job_id}`);
    return waitAndTell(world, job.job_id, timeout);
  }
  tell(world, job, () =>
    facts({
      job: job.job_id,
      action: job.action,
      status: job.status,
      created: local(job.created_at),
      'to wait': `errand wait ${shellWord(job.job_id)}`,
    }),
  );
  return 0;
}

/** Adds the valid names or parameters to an error about invalid ones. */
async function explained<T>(errand: Errand, action: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    // The client's words for parameters that are not those of the action's path.
    if (error instanceof UsageError && error.detail.includes(': its resource ')) {
      const names = resourceParameters(error.detail).map((name) => `--resource ${name}=…`);
      throw new CannotRun([error.detail, ...names].join(' '));
    }
    if (!(error instanceof ErrandError && error.code === 'unknown_action')) throw error;
    throw await unknownAction(errand, action, error);
  }
}

/** An error that names the actions that may have been meant. */
export async function unknownAction(errand: Errand, action: string, error: ErrandError): Promise<Error> {
  const actions = await errand.actions();
  const names = actions.map(({ name }) => name);
  const near = nearest(action, names);
  const hint = near.length > 0 ? `did you mean ${near.join(' or ')}?` : `available: ${names.join(', ')}`;
  return new CommandFailed(4, [`there is no action ${action}; ${hint}`], error);
}
