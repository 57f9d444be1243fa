import { KEY_SCOPES } from '@errand/contracts';
import type { Command } from 'commander';
import { type Bind, tell, type World } from '../../command.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { local } from '../../output/times.ts';
import { readDuration, readName } from '../../settings/read-values.ts';

interface Options {
  readonly scopes: string;
  readonly ttl?: number;
  readonly job?: string;
}

export function addTokens(program: Command, bind: Bind): void {
  program
    .command('tokens')
    .description('make short-lived tokens')
    .command('create')
    .description('make a token for less than the API key, such as for a browser; it is shown once')
    .requiredOption('--scopes <list>', `all that it may do, of ${KEY_SCOPES.join(',')}`)
    .option('--ttl <duration>', 'for how long; default: 15 minutes', readDuration)
    .option('--job <job_id>', 'the only job that it is for', readName)
    .action(bind(create));
}

async function create(world: World, { scopes, ttl, job }: Options): Promise<ExitCode> {
  const made = await (await world.errand()).createToken({
    scopes: scopes.split(','),
    ...(ttl === undefined ? {} : { ttlMs: ttl }),
    ...(job === undefined ? {} : { job }),
    signal: world.signal,
  });
  tell(world, made, () => `${made.token} (shown only once)\nexpires ${local(made.expires_at)}`);
  return 0;
}
