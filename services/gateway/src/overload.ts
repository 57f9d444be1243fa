import type { IncomingMessage } from 'node:http';
import type { PlainAnswer } from '@errand/runtime';

/*
 * A turn of the event loop takes new requests for TURN_MS. Once several turns after each other were longer, what is left
 * in a turn is refused. So a burst, or one request that keeps the process for a moment, refuses nobody; under a load that
 * lasts, the time of the process goes into requests that are answered soon.
 */

const TURN_MS = 20;
const LONG_TURNS = 5;
/** Operators and probes are always answered. */
const ALWAYS = /^\/(?:admin\/|healthz|readyz|metrics)/;

/** Says of each request, as it comes, whether there is too much to do. `now` is a clock that never goes back, in ms. */
export function createOverloadCheck(now: () => number = () => performance.now()): () => boolean {
  let began: number | undefined;
  let ended = now();
  let turnMs = 0;
  /** Turns of the event loop, the last ones, that were too long. */
  let longTurns = 0;
  return () => {
    const at = now();
    if (began === undefined) {
      began = at;
      // A process that is idle between its turns has time.
      if (at - ended > turnMs / 2) longTurns = 0;
      setImmediate(() => {
        ended = now();
        turnMs = ended - (began ?? ended);
        longTurns = turnMs > TURN_MS ? longTurns + 1 : 0;
        began = undefined;
      });
    }
    return longTurns >= LONG_TURNS && at - began > TURN_MS;
  };
}

/** Refuses requests while there is too much to do. */
export function createOverloadRefusal(options: {
  isOverloaded: () => boolean;
  answer: () => PlainAnswer;
}): (incoming: IncomingMessage) => PlainAnswer | undefined {
  return ({ url = '' }) => {
    // Asked of every request: it watches the turns of the event loop by them.
    const isOverloaded = options.isOverloaded();
    return isOverloaded && !ALWAYS.test(url) ? options.answer() : undefined;
  };
}
