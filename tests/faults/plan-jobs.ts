import type { FaultForm } from './forms.ts';
import type { Random } from './random.ts';

/** One job that a run asks for, with all its random choices. */
export interface PlannedJob {
  /** Counts from 0; the job carries it as its metadata `nr`. */
  readonly nr: number;
  /** When it is requested, in milliseconds after the run's start. */
  readonly atMs: number;
  readonly action: string;
  readonly input: Record<string, string>;
  /** Requested with an Idempotency-Key, and again with the same one until that is answered. */
  readonly isKeyed: boolean;
  readonly startAfterMs: number | undefined;
  readonly finishByS: number | undefined;
  /** When it is canceled, in milliseconds after it was accepted. */
  readonly cancelAfterMs: number | undefined;
}

interface Mix {
  readonly share: number;
  readonly cancelChance: number;
  readonly expireChance: number;
}

const MIX: Record<string, Mix> = {
  quick: { share: 43, cancelChance: 0.04, expireChance: 0 },
  slow: { share: 12, cancelChance: 0.15, expireChance: 0.2 },
  flaky: { share: 10, cancelChance: 0.04, expireChance: 0.1 },
  hopeless: { share: 5, cancelChance: 0.04, expireChance: 0 },
  overlong: { share: 4, cancelChance: 0.04, expireChance: 0 },
  obedient: { share: 8, cancelChance: 0.5, expireChance: 0.2 },
  deaf: { share: 4, cancelChance: 0.4, expireChance: 0.1 },
  distant: { share: 6, cancelChance: 0.2, expireChance: 0.1 },
  called_back: { share: 8, cancelChance: 0.2, expireChance: 0.2 },
};

const START_AFTER_CHANCE = 0.1;
const LOTS = Object.entries(MIX).flatMap(([action, { share }]) => Array<string>(share).fill(action));

/** Draws a run's jobs, evenly over its time, with the crashing ones evenly among them. `vendor`: whom some leave their work to. */
export function planJobs(form: FaultForm, random: Random, vendor: string): PlannedJob[] {
  const crashAt = new Map([
    ...crashPlaces('crash_always', form.crashes.always, form.jobs),
    ...crashPlaces('crash_once', form.crashes.once, form.jobs),
  ]);
  return Array.from({ length: form.jobs }, (_, nr) => {
    const action = crashAt.get(nr) ?? random.pick(LOTS);
    const { cancelChance, expireChance } = MIX[action] ?? { cancelChance: 0, expireChance: 0 };
    return {
      nr,
      atMs: Math.round((form.spreadMs * nr) / form.jobs),
      action,
      input: { ms: String(random.between(1_000, 3_000)), vendor },
      isKeyed: nr % 2 === 1,
      startAfterMs: random.chance(START_AFTER_CHANCE) ? random.between(1_000, 5_000) : undefined,
      finishByS: random.chance(expireChance) ? random.between(1, 3) : undefined,
      cancelAfterMs: random.chance(cancelChance) ? random.between(0, 3_000) : undefined,
    };
  });
}

/** None in the first or last part of the run. */
function crashPlaces(action: string, count: number, jobs: number): [number, string][] {
  const offset = action === 'crash_always' ? 1 : 0;
  return Array.from({ length: count }, (_, index) => [
    Math.floor((jobs * (index + 1)) / (count + 2)) + offset,
    action,
  ]);
}
