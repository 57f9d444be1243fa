import { type CheckSteps, createSteps } from './step-limit.ts';
import { numberValues } from './value-ids.ts';

/** What is remembered while one input is validated, so that nothing is done twice. */
export interface Run {
  /** Equal values have the same number, for as long as the run lasts. */
  numberOf(value: unknown): number;
  /** The remaining budget for finding errors. */
  steps: CheckSteps;
  /** Registers a callback for the end of each run. */
  atEnd(forget: () => void): void;
  end(): void;
}

export function createRun(): Run {
  const ends: (() => void)[] = [];
  let numberOf: Run['numberOf'] | undefined;
  return {
    steps: createSteps(),
    numberOf(value) {
      numberOf ??= numberValues();
      return numberOf(value);
    },
    atEnd: (forget) => void ends.push(forget),
    end() {
      numberOf = undefined;
      for (const forget of ends) forget();
    },
  };
}
