import type { FindingKind, VerifyFinding } from '@errand/contracts';

const MAX_SAMPLES = 20;

/** Counts what was found and keeps the first of each kind. */
export interface Findings {
  add(kind: FindingKind, found: { id: string; detail: string; groups?: readonly string[] }): void;
  list(): VerifyFinding[];
}

export function createFindings(): Findings {
  const found = new Map<FindingKind, VerifyFinding>();
  const seen = new Set<string>();
  return {
    add(kind, { id, detail, groups = [] }) {
      const finding = found.get(kind) ?? { kind, count: 0, samples: [] };
      // A job may come under suspicion for several reasons.
      if (seen.has(`${kind} ${id}`)) return;
      seen.add(`${kind} ${id}`);
      finding.count++;
      if (finding.samples.length < MAX_SAMPLES) finding.samples.push({ id, detail });
      for (const group of groups) {
        finding.groups ??= {};
        finding.groups[group] = (finding.groups[group] ?? 0) + 1;
      }
      found.set(kind, finding);
    },
    list: () => [...found.values()],
  };
}
