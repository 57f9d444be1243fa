import { dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import { type Bind, tell, type World } from '../../../command.ts';
import type { ExitCode } from '../../../output/exit-codes.ts';
import { readText } from '../../../settings/read-values.ts';
import type { Change } from './change.ts';
import { changesOf } from './changes.ts';
import { parseDeclaration } from './declaration.ts';
import { secretsFrom } from './secrets.ts';

interface Options {
  readonly file: string;
  readonly dryRun?: boolean;
  readonly prune?: boolean;
}

/** `errand apply`, which needs the admin key. */
export function addApply(program: Command, bind: Bind): void {
  program
    .command('apply')
    .description(
      'make tenants, limits, keys, endpoints and schedules what a file says; the same again changes nothing',
    )
    .requiredOption('-f, --file <file>', 'the file, or - for stdin')
    .option('--dry-run', 'say what is different, and change nothing; exit code 1 if anything is')
    .option('--prune', "remove a tenant's keys, endpoints and schedules that are not in the file")
    .action(bind(apply, { refusalIs2: true }));
}

async function apply(world: World, { file, dryRun = false, prune = false }: Options): Promise<ExitCode> {
  const isStdin = file === '-';
  const path = resolve(world.folder, file);
  const text = await readText(isStdin ? file : `@${path}`, world.stdin);
  const { tenants } = parseDeclaration(text, isStdin ? 'stdin' : file);
  const gateway = await world.gateway();
  const read = secretsFrom(world.env, isStdin ? world.folder : dirname(path));
  const changes: Change[] = [];
  const ownerOf = new Map<string, string>();
  // Everything is looked at before anything is changed.
  for (const [tenant, declared] of Object.entries(tenants)) {
    changes.push(...(await changesOf(tenant, declared, { gateway, read, ownerOf })));
  }
  if (!dryRun) {
    for (const change of changes) {
      if (change.change === 'unlisted' && !prune) continue;
      world.say(lineOf(change, prune));
      await change.apply();
    }
  }
  const told = changes.map(({ apply: _, ...change }) => change);
  tell(world, { changes: told, dry_run: dryRun }, () => textOf(changes, { dryRun, prune }));
  return dryRun && changes.length > 0 ? 1 : 0;
}

function textOf(changes: readonly Change[], { dryRun, prune }: { dryRun: boolean; prune: boolean }): string {
  if (changes.length === 0) return 'all is as declared';
  const isLeft = ({ change }: Change) => change === 'unlisted' && !prune;
  const shown = dryRun ? changes : changes.filter(isLeft);
  const done = changes.length - changes.filter(isLeft).length;
  return [
    ...shown.map((change) => lineOf(change, prune)),
    ...(dryRun ? [] : [`${done} ${done === 1 ? 'change' : 'changes'} made`]),
  ].join('\n');
}

function lineOf({ kind, tenant, name, change, members }: Change, prune: boolean): string {
  const what = kind === 'tenant' ? `tenant ${tenant}` : `${kind} ${tenant}/${name}`;
  const deed = change === 'unlisted' ? (prune ? 'remove' : 'not in the file') : change;
  return `${deed.padEnd(16)}${what}${members.length === 0 ? '' : `: ${members.join(', ')}`}`;
}
