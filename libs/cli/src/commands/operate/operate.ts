import type { Command } from 'commander';
import type { Bind } from '../../command.ts';
import { checkAuditFile, exportAudit } from './audit.ts';
import { cancelRebuild, projectionStatus, rebuildProjection } from './projection.ts';
import { verify } from './verify.ts';

const REFUSAL_IS_2 = { refusalIs2: true } as const;

/** Commands of operators, which need the admin key. */
export function addOperate(program: Command, bind: Bind): void {
  program
    .command('verify')
    .description('compare everything with the log')
    .option('--since <time>', 'look at jobs requested since this time')
    .option('--tenant <id>', 'look at one tenant')
    .action(bind((world, { since, tenant }: Texts) => verify(world, { since, tenant }), REFUSAL_IS_2));

  const audit = program.command('audit').description('write the audit log to a file, and check such a file');
  audit
    .command('export')
    .description('write the audit log as lines of JSON')
    .option('--from <time>', 'filed since this time')
    .option('--to <time>', 'filed until this time')
    .option('--tenant <id>', 'of one tenant')
    .option('--action <name>', 'of one action')
    .option('--type <types>', 'such as JobFailed,JobExpired')
    .option('--anchor <chain>', 'of the export that this one goes on from')
    .option('--out <file>', 'write it there instead of to stdout')
    .action(
      bind(
        (world, { out, from, to, tenant, action, type, anchor }: Texts) =>
          exportAudit(world, { query: { from, to, tenant, action, type, anchor }, out }),
        REFUSAL_IS_2,
      ),
    );
  audit
    .command('check')
    .description('check that such a file is whole; needs no gateway')
    .argument('<file>')
    .option('--anchor <chain>', 'that it must go on from')
    .action(
      bind((world, { anchor }: Texts, file = '') => checkAuditFile(world, { file, anchor }), REFUSAL_IS_2),
    );

  const projection = program.command('projection').description('make the read model again from the log');
  projection
    .command('rebuild')
    .description('start it')
    .option('--wait', 'follow it to its end')
    .action(
      bind(
        (world, { wait }: { wait?: true }) => rebuildProjection(world, { wait: wait === true }),
        REFUSAL_IS_2,
      ),
    );
  projection
    .command('status')
    .description('how it stands')
    .action(bind((world) => projectionStatus(world), REFUSAL_IS_2));
  projection
    .command('cancel')
    .description('end it')
    .action(bind((world) => cancelRebuild(world), REFUSAL_IS_2));
}

type Texts = Readonly<Record<string, string | undefined>>;
