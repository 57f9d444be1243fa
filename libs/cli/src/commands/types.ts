import { causeOf } from '@errand/client/for-command';
import type { Command } from 'commander';
import { CannotRun } from '../cannot-run.ts';
import type { Bind, World } from '../command.ts';
import type { ExitCode } from '../output/exit-codes.ts';
import { plainLines } from '../output/text.ts';
import { writeWhole } from '../output/write-whole.ts';

interface TypesOptions {
  readonly url?: string;
  readonly tenant?: string;
  readonly out?: string;
}

export function addTypes(program: Command, bind: Bind): void {
  program
    .command('types')
    .description("generate TypeScript types of the tenant's actions for createErrand<Actions>()")
    .option('--url <url>', 'gateway URL, overrides the settings')
    .option('--tenant <id>', 'tenant, overrides the settings')
    .option('--out <file>', 'write to this file instead of stdout')
    .action(bind(writeTypes));
}

async function writeTypes(world: World, { url, tenant, out }: TypesOptions): Promise<ExitCode> {
  // Its generator takes longer to load than most commands take in total.
  const { actionTypes } = await import('../types/action-types.ts');
  const errand = await world.errand({ url, tenant });
  const text = await actionTypes(await errand.actions({ signal: world.signal }), world.say);
  if (out === undefined) {
    // A file gets the texts of schemas as they are; a terminal must not be steered by them.
    world.stdout.write(world.columns ? plainLines(text) : text);
    return 0;
  }
  await writeWhole(out, text).catch((error) => {
    throw new CannotRun(`${out} cannot be written: ${causeOf(error)}`);
  });
  world.say(`wrote ${out}`);
  return 0;
}
