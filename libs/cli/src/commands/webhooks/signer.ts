import type { Command } from 'commander';
import { type Bind, tell, type World } from '../../command.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { facts } from '../../output/text.ts';
import { local } from '../../output/times.ts';
import { readDuration } from '../../settings/read-values.ts';
import { rotationOf } from './webhooks.ts';

export function addSigner(program: Command, bind: Bind): void {
  const signer = program.command('signer').description('signing secret for webhooks of single runs');
  signer.command('show').description('show its fingerprints').action(bind(show));
  signer
    .command('rotate')
    .description('create or replace the secret; the old one stays valid for a while')
    .option('--signing-secret <secret>', 'whsec_…, or @file, or - for stdin; default: a random one')
    .option('--grace <duration>', 'how long the old one stays valid; default 24h', readDuration)
    .action(bind(rotate));
}

async function show(world: World): Promise<ExitCode> {
  const signer = await (await world.errand()).webhooks.jobSigner({ signal: world.signal });
  const previous = signer.previous_signing_secrets.map(
    ({ fingerprint, expires_at }) => `${fingerprint} until ${local(expires_at)}`,
  );
  tell(world, signer, () =>
    facts({
      'signed with': signer.signing_secret_fingerprint,
      'and with': previous.join(', '),
      since: local(signer.updated_at),
    }),
  );
  return 0;
}

async function rotate(
  world: World,
  { signingSecret, grace }: { signingSecret?: string; grace?: number },
): Promise<ExitCode> {
  const { webhooks } = await world.errand();
  const rotated = await webhooks.rotateJobSecret(await rotationOf(world, signingSecret, grace));
  tell(world, rotated, () => `${rotated.signing_secret} (shown only once)`);
  return 0;
}
