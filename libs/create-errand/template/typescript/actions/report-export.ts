import { setTimeout as sleep } from 'node:timers/promises';
import { defineAction, FileResult, PermanentError, z } from '@errand/actions';

const DAY_MS = 86_400_000;
const MAX_DAYS = 366;

/** Exports a report as CSV, one row a day. It stands for your own slow work: replace what `rowOf` does. */
export const reportExport = defineAction({
  name: 'report_export',
  description: 'Exports the rows of a report as CSV, one for each day',
  resource: 'reports/{report_id}',
  input: z.object({ from: z.iso.date(), to: z.iso.date() }),
  result: FileResult,
  async run({ input, resource, progress, signal, saveResult }) {
    const fromMs = Date.parse(input.from);
    const days = (Date.parse(input.to) - fromMs) / DAY_MS + 1;
    if (days < 1 || days > MAX_DAYS)
      throw new PermanentError('invalid_period', `A report covers 1 to ${MAX_DAYS} days.`);
    const rows = ['day,orders\n'];
    for (let day = 0; day < days; day++) {
      rows.push(await rowOf(fromMs + day * DAY_MS, signal));
      progress(Math.round((100 * (day + 1)) / days), `${day + 1} of ${days} days`);
    }
    return saveResult({
      contentType: 'text/csv',
      filename: `${resource.report_id}.csv`,
      body: rows.map((row) => Buffer.from(row)),
    });
  },
});

async function rowOf(dayMs: number, signal: AbortSignal): Promise<string> {
  // As long as a small query takes.
  await sleep(20, undefined, { signal });
  const orders = 40 + ((dayMs / DAY_MS) % 7) * 3;
  return `${new Date(dayMs).toISOString().slice(0, 10)},${orders}\n`;
}
