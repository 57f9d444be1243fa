import type { Bus } from '@errand/bus';
import type { Candidate } from './candidate.ts';
import type { Play } from './play.ts';

/** What a rule's test has to work with. */
export interface Stage {
  readonly bus: Bus;
  readonly play: Play;
  readonly leaseMs: number;
  /** How long a test waits for what has to come, in milliseconds. */
  readonly patienceMs: number;
}

/** The same for tests that start, kill and pause the executor. */
export interface ProcessStage extends Stage {
  readonly candidate: Candidate;
}

/** One rule of docs/executor-protocol.md under test. A check resolves to what was seen, and rejects with RuleBroken. */
export type Rule = {
  readonly id: `P${number}`;
  readonly title: string;
  /** Looks once more, at every job that was played, when the executor has been stopped. */
  readonly audit?: (stage: Stage) => Promise<string>;
} & (
  | { readonly kind: 'alongside'; readonly check: (stage: Stage) => Promise<string> }
  /** Counts what the executor holds, so nothing else may go on. */
  | { readonly kind: 'alone'; readonly check: (stage: Stage) => Promise<string> }
  | { readonly kind: 'process'; readonly check: (stage: ProcessStage) => Promise<string> }
);

/** The executor does not keep a rule; the message says what was seen. */
export class RuleBroken extends Error {
  override name = 'RuleBroken';
}

/** A rule asks for something that this executor leaves out, as it may. */
export class RuleSkipped extends Error {
  override name = 'RuleSkipped';
}

/** @throws RuleBroken */
export function must(condition: boolean, seen: string): asserts condition {
  if (!condition) throw new RuleBroken(seen);
}
