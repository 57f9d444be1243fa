import { FINDING_KINDS, VerifyReport } from '@errand/contracts';
import type { World } from '../command.ts';
import type { ExitCode } from '../exit-codes.ts';
import { CannotRun, reasonOf } from '../gateway.ts';

/** Has everything compared with the log, and tells what does not hold. 1 if anything does not. */
export async function verify(
  world: World,
  options: { since?: string | undefined; tenant?: string | undefined },
): Promise<ExitCode> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(options)) if (value !== undefined) query.set(name, value);
  const response = await (await world.gateway()).ask('GET', `/admin/verify?${query}`);
  const report = await readReport(response);
  world.stdout.write(world.json ? `${JSON.stringify(report)}\n` : textOf(report));
  if (report.findings.length > 0) return 1;
  // Nothing was found, and not everything was looked at.
  return report.unconfirmed > 0 ? 2 : 0;
}

async function readReport(response: Response): Promise<VerifyReport> {
  try {
    return VerifyReport.parse(await response.json());
  } catch (error) {
    throw new CannotRun(`the answer broke off or is none: ${reasonOf(error)}`);
  }
}

function textOf(report: VerifyReport): string {
  const { checked } = report;
  const head =
    `as of version ${report.as_of_version}, since ${report.since}: ${checked.jobs} jobs, ${checked.events} events, ` +
    `${checked.rows} rows, ${checked.links} links, ${checked.deliveries} deliveries in ` +
    `${(report.duration_ms / 1_000).toFixed(1)} s`;
  const counts = Object.entries(FINDING_KINDS).map(([kind, about]) => {
    const finding = report.findings.find((each) => each.kind === kind);
    const samples = finding?.samples.map(({ id, detail }) => `\n           ${id}  ${detail}`) ?? [];
    return `${String(finding?.count ?? 0).padStart(9)}  ${about}${samples.join('')}`;
  });
  const unconfirmed =
    report.unconfirmed === 0
      ? []
      : [`${String(report.unconfirmed).padStart(9)}  suspects not looked at again`];
  return `${[head, ...counts, ...unconfirmed].join('\n')}\n`;
}
