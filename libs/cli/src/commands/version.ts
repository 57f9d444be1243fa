import type { Command } from 'commander';
import manifest from '../../package.json' with { type: 'json' };
import { type Bind, tell } from '../command.ts';

export const VERSION: string = manifest.version;

export function addVersion(program: Command, bind: Bind): void {
  program
    .command('version')
    .description('show the version')
    .action(
      bind(async (world) => {
        tell(world, { version: VERSION }, () => VERSION);
        return 0;
      }),
    );
}
