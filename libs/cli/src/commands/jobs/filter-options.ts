import type { JobStatus } from '@errand/client';
import { JOB_SOURCES, JOB_STATUSES } from '@errand/contracts';
import type { Command } from 'commander';
import { collectPair, collectWords, listOption, readName, readTime } from '../../settings/read-values.ts';

/** Which jobs are meant. */
export interface FilterOptions {
  readonly status?: JobStatus[];
  readonly action?: string[];
  readonly source?: string[];
  readonly metadata?: Record<string, string>;
  readonly has?: string;
  readonly createdAfter?: string;
  readonly createdBefore?: string;
}

export function addFilterOptions(command: Command, now: () => number): Command {
  return command
    .addOption(listOption('--status <names>', 'only these states', JOB_STATUSES))
    .option('--action <names>', 'only these actions', collectWords)
    .addOption(listOption('--source <names>', 'only jobs requested this way', JOB_SOURCES))
    .option('--metadata <name=value>', 'only with this metadata entry; repeatable', collectPair)
    .option('--has <text>', 'only with this id (or its beginning), metadata value or error code', readName)
    .option('--created-after <time>', 'start: a time, or a duration ago', readTime(-1, now))
    .option('--created-before <time>', 'end: a time, or a duration ago', readTime(-1, now));
}
