import type { Command } from 'commander';
import { type Bind, tell, type World } from '../../command.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { facts, shellWord, table } from '../../output/text.ts';
import { local } from '../../output/times.ts';
import { readOneOrMore, readPlace } from '../../settings/read-values.ts';

interface DeadLetter {
  readonly id: number;
  readonly consumer: string;
  readonly subject: string;
  readonly version: number;
  readonly reason: string;
  readonly parked_at: string;
}

interface DeadLetters {
  readonly dead_letters: readonly DeadLetter[];
  readonly next_after: number | null;
}

/** Commands about events that a consumer could not read, which need the admin key. */
export function addDeadLetters(program: Command, bind: Bind): void {
  const deadLetters = program
    .command('dead-letters')
    .description('list events that a service could not read, and resend them');
  deadLetters
    .command('list', { isDefault: true })
    .description('list, oldest first')
    .option('--after <id>', 'only those after this one', readPlace)
    .option('--limit <count>', 'maximum number (1-200)', readOneOrMore, 50)
    .action(bind(list));
  deadLetters
    .command('show')
    .description('show one with its whole body')
    .argument('<id>', 'the dead letter', readOneOrMore)
    .action(bind(show));
  deadLetters
    .command('discard')
    .description('remove one for good; the event itself stays in the log')
    .argument('<id>', 'the dead letter', readOneOrMore)
    .action(bind(discard));
  deadLetters
    .command('redrive')
    .description('resend one to its service; if still unreadable, it returns as a new one')
    .argument('<id>', 'the dead letter', readOneOrMore)
    .action(bind(redrive));
}

async function list(world: World, query: { after?: number; limit: number }): Promise<ExitCode> {
  const gateway = await world.gateway();
  const page = await gateway.json<DeadLetters>({ method: 'GET', path: '/admin/dead-letters', query });
  tell(world, page, () => {
    if (page.dead_letters.length === 0) return 'no dead letters';
    const rows = page.dead_letters.map(({ id, consumer, subject, version, parked_at, reason }) => [
      ...[id, consumer, version, local(parked_at), subject, reason],
    ]);
    const lines = table(['ID', 'CONSUMER', 'VERSION', 'PARKED', 'SUBJECT', 'REASON'], rows);
    const next =
      page.next_after === null
        ? ''
        : `\n\nnext page: errand dead-letters --after ${shellWord(String(page.next_after))}`;
    return lines + next;
  });
  return 0;
}

async function show(world: World, _: unknown, id = ''): Promise<ExitCode> {
  const call = { method: 'GET', path: `/admin/dead-letters/${id}` } as const;
  const letter = await (await world.gateway()).json<DeadLetter & { body: string }>(call);
  const { consumer, subject, version, reason, parked_at: parked, body } = letter;
  tell(world, letter, () => {
    const about = facts({ id: letter.id, consumer, version, parked: local(parked), subject, reason });
    return `${about}\n\n${body}`;
  });
  return 0;
}

async function discard(world: World, _: unknown, id = ''): Promise<ExitCode> {
  await (await world.gateway()).json({ method: 'DELETE', path: `/admin/dead-letters/${id}` });
  tell(world, { id: Number(id), discarded: true }, () => `dead letter ${id} was discarded`);
  return 0;
}

async function redrive(world: World, _: unknown, id = ''): Promise<ExitCode> {
  const sent = await (await world.gateway()).json({
    ...{ method: 'POST', path: `/admin/dead-letters/${id}/redrive` },
  });
  tell(world, sent, () => `dead letter ${id} was resent`);
  return 0;
}
