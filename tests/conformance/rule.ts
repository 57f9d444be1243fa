import type { Bus } from '@errand/bus';
import type { Candidate } from './candidate.ts';
import type { Play } from './play.ts';

/** What a rule's test works with. */
export interface Stage {
  readonly bus: Bus;
  readonly play: Play;
  readonly leaseMs: number;
  /** How long a test waits for expected events, in milliseconds. */
  readonly patienceMs: number;
}

/** The same for tests that start, kill and pause the executor. */
export interface ProcessStage extends Stage {
  readonly candidate: Candidate;
}

/**
 * One rule of docs/executor-protocol.md under test. A check resolves to what it observed, or rejects with RuleBroken.
 */
export type Rule = {
  readonly id: `P${number}`;
  readonly title: string;
  /** Checks every played job once more after the executor has been stopped. */
  readonly audit?: (stage: Stage) => Promise<string>;
} & (
  | { readonly kind: 'alongside'; readonly check: (stage: Stage) => Promise<string> }
  /** Counts what the executor holds, so nothing else may run at the same time. */
  | { readonly kind: 'alone'; readonly check: (stage: Stage) => Promise<string> }
  | { readonly kind: 'process'; readonly check: (stage: ProcessStage) => Promise<string> }
);

/** The executor breaks a rule; the message says what was observed. */
export class RuleBroken extends Error {
  override name = 'RuleBroken';
}

/** A rule concerns an optional feature that this executor leaves out. */
export class RuleSkipped extends Error {
  override name = 'RuleSkipped';
}

/** @throws RuleBroken */
export function must(condition: boolean, seen: string): asserts condition {
  if (!condition) throw new RuleBroken(seen);
}
