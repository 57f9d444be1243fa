import type { IncomingMessage } from 'node:http';
import type { PlainAnswer } from '@errand/runtime';
import type { FairShare } from './fair-share.ts';
import { Refusal } from './problem.ts';

/*
 * A turn of the event loop takes new requests for TURN_MS. Once all turns of some seconds were longer, what is left
 * in a turn is refused to those who have cost more than others. So a small burst, or one request that keeps the process for a moment, refuses nobody; under a load
 * that lasts, the time of the process goes into requests that are answered soon.
 */

/** Some hundred callers that wait for each other's answers take no longer. */
const TURN_MS = 100;
const LONG_TURNS = 5;
/** So long a burst of a thousand callers may last. */
const LASTING_MS = 5_000;
/** A turn of many requests is not longer than the first in any case, and than the second under a load that lasts. */
const LONGEST_BURST_MS = 3_000;
const LONGEST_TURN_MS = 1_000;
const MANY = 10;
/** Operators and probes are always answered. */
const ALWAYS = /^\/(?:admin\/|healthz|readyz|metrics)/;

/** With so many appends under way the log is behind: another one would wait for longer than its caller wants to. */
const MAX_APPENDS = 2_000;

/** The same append, refused while too many are under way. @throws Refusal overloaded */
export function limitAppends<A extends unknown[], T>(
  append: (...args: A) => Promise<T>,
  max = MAX_APPENDS,
): (...args: A) => Promise<T> {
  let underWay = 0;
  return async (...args) => {
    if (underWay >= max) throw new Refusal('overloaded');
    underWay++;
    try {
      return await append(...args);
    } finally {
      underWay--;
    }
  };
}

/** How much there is to do. `overloaded`: too much for those who cause it; `flooded`: for everybody. */
type Load = 'bearable' | 'overloaded' | 'flooded';

/** Says it of each request, as it comes. `now` is a clock that never goes back, in ms. */
export function createLoadCheck(now: () => number = () => performance.now()): () => Load {
  let began: number | undefined;
  let ended = now();
  let turnMs = 0;
  /** Turns of the event loop, the last ones, that were too long. */
  let longTurns = 0;
  /** When the first of these began. */
  let longSince = 0;
  let requests = 0;
  return () => {
    const at = now();
    if (began === undefined) {
      began = at;
      requests = 0;
      // A process that is idle between its turns has time.
      if (at - ended > turnMs / 2) longTurns = 0;
      setImmediate(() => {
        ended = now();
        turnMs = ended - (began ?? ended);
        if (longTurns === 0) longSince = began ?? ended;
        longTurns = turnMs > TURN_MS ? longTurns + 1 : 0;
        began = undefined;
      });
    }
    requests++;
    const tookMs = at - began;
    const isLasting = longTurns >= LONG_TURNS && at - longSince > LASTING_MS;
    if (tookMs > LONGEST_BURST_MS && requests > MANY) return 'flooded';
    if (!isLasting || tookMs <= TURN_MS) return 'bearable';
    return tookMs > LONGEST_TURN_MS ? 'flooded' : 'overloaded';
  };
}

/** Refuses requests while there is too much to do, first those of callers who have cost more than others. */
export function createOverloadRefusal(options: {
  load: () => Load;
  share: Pick<FairShare, 'isHeavy'>;
  answer: () => PlainAnswer;
}): (incoming: IncomingMessage) => PlainAnswer | undefined {
  return ({ url = '', headers }) => {
    // Asked of every request: it watches the turns of the event loop by them.
    const load = options.load();
    if (load === 'bearable' || ALWAYS.test(url)) return undefined;
    const isRefused = load === 'flooded' || options.share.isHeavy(headers.authorization ?? '');
    return isRefused ? options.answer() : undefined;
  };
}
