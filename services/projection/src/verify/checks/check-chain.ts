import type { StoredLink } from '@errand/bus';
import { AUDIT_STREAM } from '@errand/contracts';
import { createChainWalk } from '../chain-walk.ts';
import { forEachParallel, readUpTo, type VerifyRun } from '../verify-context.ts';

/** Versions that JOBS should hold and does not, if an event ever was there. */
export interface Gaps {
  has(version: number): boolean;
}

const MAX_JOBS = 200_000;
const MAX_GAPS = 10_000;
const MAX_UNKNOWN = 20_000;
const EMPTY_LOOKS = 20;
const EMPTY_PAUSE_MS = 100;

/**
 * Checks that each event of JOBS follows the one that its writer had seen. The log never changes, so one look is enough.
 * @throws LogUnavailable
 */
export async function checkChain(run: VerifyRun): Promise<Gaps> {
  const { bus } = run.deps;
  const { firstVersion, lastVersion } = await bus.jobs.range();
  const walk = createChainWalk({ firstVersion, maxJobs: MAX_JOBS });
  const gaps: { from: number; to: number }[] = [];
  const unknown: StoredLink[] = [];
  let previous = firstVersion - 1;
  let firstLinked: number | undefined;
  const passTo = (version: number) => {
    if (version > previous + 1) {
      if (gaps.length < MAX_GAPS) gaps.push({ from: previous + 1, to: version - 1 });
      else run.counts.unconfirmed++;
    }
    previous = Math.max(previous, version);
  };
  for await (const links of bus.jobs.readLinks(run.tenantId)) {
    run.signal.throwIfAborted();
    for (const link of links) {
      firstLinked ??= link.version;
      passTo(link.version);
      run.checked.links++;
      const verdict = walk(link);
      if (verdict.kind === 'broken') reportBroken(run, link, verdict.detail);
      else if (verdict.kind === 'unknown' && unknown.length < MAX_UNKNOWN) unknown.push(link);
      else if (verdict.kind === 'unknown') run.counts.unconfirmed++;
    }
    readUpTo(run, previous, { from: firstVersion, to: lastVersion });
  }
  passTo(lastVersion + 1);
  await checkReach(run, { firstLinked, lastVersion });
  await forEachParallel(run, unknown, (link) => lookUp(run, link));
  // What has left JOBS by its age meanwhile may have done so before it was read.
  const keptFrom = (await bus.jobs.range()).firstVersion;
  // Other tenants' events lie between those of one.
  return { has: (version) => run.tenantId === undefined && version >= keptFrom && isWithin(gaps, version) };
}

/** Jobs are compared by the audit log, so it must reach as far back as JOBS does. */
async function checkReach(
  run: VerifyRun,
  { firstLinked, lastVersion }: { firstLinked: number | undefined; lastVersion: number },
): Promise<void> {
  const { bus } = run.deps;
  if (firstLinked === undefined) return;
  let auditFrom = await bus.audit.firstVersion();
  // An empty one may be about to take over its first event.
  for (let looks = 0; auditFrom === 0 && looks < EMPTY_LOOKS; looks++) {
    await new Promise((resolve) => setTimeout(resolve, EMPTY_PAUSE_MS));
    auditFrom = await bus.audit.firstVersion();
  }
  if (auditFrom > 0 && auditFrom <= firstLinked) return;
  const upTo = auditFrom === 0 ? lastVersion : auditFrom - 1;
  run.findings.add('audit_short', { id: AUDIT_STREAM, detail: `events ${firstLinked} to ${upTo}` });
}

/** The event that the link names must be there, and nothing of the job between the two. */
async function lookUp(run: VerifyRun, link: StoredLink): Promise<void> {
  const { bus } = run.deps;
  const expected = link.expectedVersion ?? 0;
  const [before, after] = await bus.jobs.readLinksFrom(link.ref, expected, 2);
  if (before?.version === expected && after?.version === link.version) return;
  if (expected < (await bus.jobs.range()).firstVersion) return;
  const found = before?.version === link.version ? 'which is missing' : `but follows ${before?.version}`;
  reportBroken(run, link, `it should follow ${expected}, ${found}`);
}

function reportBroken(run: VerifyRun, link: StoredLink, detail: string): void {
  run.findings.add('chain_broken', {
    id: link.ref.jobId,
    detail: `${link.type ?? 'an event of an unknown type'} at ${link.version}: ${detail}`,
  });
}

function isWithin(gaps: readonly { from: number; to: number }[], version: number): boolean {
  let low = 0;
  let high = gaps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((gaps[middle]?.to ?? 0) < version) low = middle + 1;
    else high = middle;
  }
  return (gaps[low]?.from ?? Number.POSITIVE_INFINITY) <= version;
}
