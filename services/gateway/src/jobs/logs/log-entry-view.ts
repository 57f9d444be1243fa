import { JobLogEntry, type ReadLogEntry } from '@errand/contracts';
import { z } from 'zod';

const read = {
  id: z.int().meta({ description: 'Increases within a job.' }),
  attempt: z.int().min(1).meta({ description: 'Of the job, counted from 1.' }),
};
const [line, output, dropped] = JobLogEntry.options;

/** An entry of a job's log as callers read it. */
export const LogEntryView = z.discriminatedUnion('type', [
  line.extend(read),
  output.extend(read),
  dropped.extend(read),
]);

export function logEntryView({ id, attempt, entry }: ReadLogEntry): z.infer<typeof LogEntryView> {
  return { id, attempt, ...entry };
}
