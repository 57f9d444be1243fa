import { setTimeout as sleep } from 'node:timers/promises';
import { FINDING_KINDS, Verification, type VerifyReport } from '@errand/contracts';
import { CannotRun } from '../../cannot-run.ts';
import { tell, type World } from '../../command.ts';
import type { ExitCode } from '../../output/exit-codes.ts';

const PATH = '/admin/verifications';
const LOOK_MS = 500;
/** How often it is said how far the comparison is. */
const SAID_EVERY = 10;

/** Has everything compared with the log, and reports the findings. 1 if there are any. */
export async function verify(
  world: World,
  { since, tenant }: { since?: string | undefined; tenant?: string | undefined },
): Promise<ExitCode> {
  const gateway = await world.gateway();
  const body = { ...(since && { since }), ...(tenant && { tenant_id: tenant }) };
  let seen = readVerification(await gateway.json({ method: 'POST', path: PATH, body }));
  for (let looks = 1; seen.state === 'running'; looks++) {
    if (looks % SAID_EVERY === 0) world.say(standingOf(seen));
    await sleep(LOOK_MS, undefined, { signal: world.signal });
    seen = readVerification(await gateway.json({ method: 'GET', path: `${PATH}/${seen.verification_id}` }));
  }
  const { report } = seen;
  if (!report) throw new CannotRun(`the verification ${seen.state}${seen.error ? `: ${seen.error}` : ''}`);
  tell(world, report, () => textOf(report));
  if (report.findings.length > 0) return 1;
  // Nothing was found, but not everything was checked.
  return report.unconfirmed > 0 ? 2 : 0;
}

function readVerification(answer: unknown): Verification {
  const { data } = Verification.safeParse(answer);
  if (!data) throw new CannotRun('the gateway answered with no verification');
  return data;
}

function standingOf({ step, percent, checked }: Verification): string {
  const share = percent === null ? '' : ` ${percent} %`;
  return `${step ?? 'waiting'}${share}: ${checked.links} links, ${checked.jobs} jobs, ${checked.rows} rows`;
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
