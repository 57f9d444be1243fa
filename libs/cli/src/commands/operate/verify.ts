import { FINDING_KINDS, VerifyReport } from '@errand/contracts';
import { CannotRun } from '../../cannot-run.ts';
import { tell, type World } from '../../command.ts';
import type { ExitCode } from '../../output/exit-codes.ts';

/** While it compares, the gateway writes a space every ten seconds. */
const SILENCE_MS = 60_000;
/** Many times the size of a report with all its samples. */
const MAX_BYTES = 2 ** 26;

/** Has everything compared with the log, and reports the findings. 1 if there are any. */
export async function verify(
  world: World,
  query: { since?: string | undefined; tenant?: string | undefined },
): Promise<ExitCode> {
  const gateway = await world.gateway();
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of gateway.stream({ method: 'GET', path: '/admin/verify', query }, SILENCE_MS)) {
    bytes += piece.length;
    if (bytes > MAX_BYTES) throw new CannotRun(`the answer is longer than ${MAX_BYTES} bytes`);
    pieces.push(piece);
  }
  const report = readReport(Buffer.concat(pieces).toString());
  tell(world, report, () => textOf(report));
  if (report.findings.length > 0) return 1;
  // Nothing was found, but not everything was checked.
  return report.unconfirmed > 0 ? 2 : 0;
}

function readReport(text: string): VerifyReport {
  try {
    return VerifyReport.parse(JSON.parse(text));
  } catch {
    throw new CannotRun('the response was cut off or is empty');
  }
}

function textOf(report: VerifyReport): string {
  const { checked, unconfirmed, unreadable } = report;
  const head =
    `as of version ${report.as_of_version}, since ${report.since}: ${checked.jobs} jobs, ${checked.events} events, ` +
    `${checked.rows} rows, ${checked.links} links, ${checked.deliveries} deliveries in ` +
    `${(report.duration_ms / 1_000).toFixed(1)} s`;
  const line = (count: number, about: string) => `${String(count).padStart(9)}  ${about}`;
  const counts = Object.entries(FINDING_KINDS).map(([kind, about]) => {
    const finding = report.findings.find((each) => each.kind === kind);
    const samples = finding?.samples.map(({ id, detail }) => `\n           ${id}  ${detail}`) ?? [];
    return `${line(finding?.count ?? 0, about)}${samples.join('')}`;
  });
  return [
    ...[head, ...counts],
    line(unreadable, 'messages that cannot be read: errand dead-letters lists them'),
    ...(unconfirmed === 0 ? [] : [line(unconfirmed, 'suspects not rechecked')]),
  ].join('\n');
}
