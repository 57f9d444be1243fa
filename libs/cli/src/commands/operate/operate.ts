import type { Command } from 'commander';
import type { Bind } from '../../command.ts';
import { readDuration } from '../../settings/read-values.ts';
import { checkAuditFile, exportAudit } from './audit.ts';
import { showDemand } from './demand.ts';
import { cancelRebuild, projectionStatus, rebuildProjection } from './projection.ts';
import { resealSecrets } from './secrets.ts';
import { signIn } from './sign-in.ts';
import { verify } from './verify.ts';

const REFUSAL_IS_2 = { refusalIs2: true } as const;

/** Commands of operators, which need the admin key. */
export function addOperate(program: Command, bind: Bind): void {
  program
    .command('verify')
    .description('compare all data with the event log')
    .option('--since <time>', 'check jobs requested since this time')
    .option('--tenant <id>', 'check one tenant')
    .action(bind((world, { since, tenant }: Texts) => verify(world, { since, tenant }), REFUSAL_IS_2));

  program
    .command('demand')
    .description('show what the executors of each action have to do')
    .action(bind((world) => showDemand(world)));

  program
    .command('sign-in')
    .description('make a link that signs in to the console once, with all rights')
    .option('--ttl <duration>', 'for how long it is good; default: 10 minutes', readDuration)
    .action(bind((world, { ttl }: { ttl?: number }) => signIn(world, { ttl }), REFUSAL_IS_2));

  program
    .command('secrets')
    .description('exchange the key that encrypts webhook secrets')
    .command('reseal')
    .description('encrypt the secrets of all endpoints with the key of today')
    .action(bind((world) => resealSecrets(world), REFUSAL_IS_2));

  const audit = program.command('audit').description('export the audit log, and check an export');
  audit
    .command('export')
    .description('export the audit log as lines of JSON')
    .option('--from <time>', 'recorded since this time')
    .option('--to <time>', 'recorded until this time')
    .option('--tenant <id>', 'only this tenant')
    .option('--action <name>', 'only this action')
    .option('--type <types>', 'such as JobFailed,JobExpired')
    .option('--anchor <chain>', 'chain of the export that this one continues')
    .option('--out <file>', 'write to this file instead of stdout')
    .action(
      bind(
        (world, { out, from, to, tenant, action, type, anchor }: Texts) =>
          exportAudit(world, { query: { from, to, tenant, action, type, anchor }, out }),
        REFUSAL_IS_2,
      ),
    );
  audit
    .command('check')
    .description('check that an export is complete; needs no gateway')
    .argument('<file>')
    .option('--anchor <chain>', 'chain that the export must continue')
    .action(
      bind((world, { anchor }: Texts, file = '') => checkAuditFile(world, { file, anchor }), REFUSAL_IS_2),
    );

  const projection = program.command('projection').description('rebuild the read model from the log');
  projection
    .command('rebuild')
    .description('start a rebuild')
    .option('--wait', 'follow it until it ends')
    .action(
      bind(
        (world, { wait }: { wait?: true }) => rebuildProjection(world, { wait: wait === true }),
        REFUSAL_IS_2,
      ),
    );
  projection
    .command('status')
    .description('show the progress of a rebuild')
    .action(bind((world) => projectionStatus(world), REFUSAL_IS_2));
  projection
    .command('cancel')
    .description('cancel a rebuild')
    .action(bind((world) => cancelRebuild(world), REFUSAL_IS_2));
}

type Texts = Readonly<Record<string, string | undefined>>;
