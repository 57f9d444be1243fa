import type { Command } from 'commander';
import { orCannotRun } from '../cannot-run.ts';
import { type Bind, tell, type World } from '../command.ts';
import type { ExitCode } from '../output/exit-codes.ts';
import { load } from './serve.ts';

/* Commands that copy all that NATS holds of a system, and put it back. They speak to NATS itself. */

interface Backup {
  readonly backup_id: string;
  readonly completed_at: string;
  readonly parts: readonly { stream: string; messages: number; bytes: number }[];
}

interface BackupPackage {
  readonly backup: (place: string, world: World) => Promise<Backup>;
  readonly restore: (place: string, world: World & { replaces: boolean }) => Promise<Backup>;
}

const PLACE = 'a folder, or - for one stream on';

export function addBackup(program: Command, bind: Bind): void {
  program
    .command('backup')
    .description('copy the log, payloads and configuration of a running system (NATS_URL)')
    .argument('<place>', `${PLACE} stdout`)
    .action(bind(backUp));
  program
    .command('restore')
    .description('put a backup into an empty NATS (NATS_URL), while no service runs')
    .argument('<place>', `${PLACE} stdin`)
    .option('--replace', 'delete what is there')
    .action(bind(restore));
}

async function backUp(world: World, _: object, place = ''): Promise<ExitCode> {
  if (place === '-') world.needsReader();
  const { backup } = await loadFor(world, 'backup');
  const made = await orCannotRun(world, backup(place, world));
  // Its stdout is the backup.
  if (place === '-') world.say(textOf('backed up', made));
  else tell(world, made, () => textOf('backed up', made));
  return 0;
}

async function restore(
  world: World,
  { replace = false }: { replace?: boolean },
  place = '',
): Promise<ExitCode> {
  const { restore: putBack } = await loadFor(world, 'restore');
  const made = await orCannotRun(world, putBack(place, { ...world, replaces: replace }));
  tell(world, made, () => textOf('restored', made));
  world.say(
    'start the services; then errand projection rebuild --wait if Postgres was kept, and errand verify',
  );
  return 0;
}

function loadFor(world: World, command: string): Promise<BackupPackage> {
  return load(world, { command, from: '@errand/server', specifier: '@errand/server/backup' });
}

function textOf(word: string, { backup_id, completed_at, parts }: Backup): string {
  const sum = (of: 'messages' | 'bytes') => parts.reduce((total, part) => total + part[of], 0);
  const size = `${sum('messages')} messages of ${parts.length} streams, ${(sum('bytes') / 1e6).toFixed(1)} MB`;
  return `${word} ${backup_id} of ${completed_at}: ${size}`;
}
