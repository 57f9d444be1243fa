import type { InputError } from '@errand/contracts';

/** What one answer may say of errors, whatever is wrong with its request. */
export const MAX_ERRORS = 1_000;
const MAX_CHARACTERS = 262_144;

/** The room for errors in one answer. */
export interface ErrorRoom {
  /** The first of these errors: as many as there is room for, and no more than `atMost`. It makes no others. */
  take(errors: Iterable<InputError>, atMost?: number): InputError[];
  /** Whether errors were left out. */
  isShort(): boolean;
}

export function createErrorRoom(): ErrorRoom {
  let errorsLeft = MAX_ERRORS;
  let charactersLeft = MAX_CHARACTERS;
  let isShort = false;
  return {
    take(errors, atMost = MAX_ERRORS) {
      const taken: InputError[] = [];
      for (const error of errors) {
        const characters = JSON.stringify(error).length;
        if (taken.length >= atMost || errorsLeft === 0 || characters > charactersLeft) {
          isShort = true;
          break;
        }
        errorsLeft--;
        charactersLeft -= characters;
        taken.push(error);
      }
      return taken;
    },
    isShort: () => isShort,
  };
}
