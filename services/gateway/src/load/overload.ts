import type { IncomingMessage } from 'node:http';
import type { PlainAnswer } from '@errand/runtime';
import { Refusal } from '../http/problem.ts';
import type { FairShare } from './fair-share.ts';

/*
 * A turn of the event loop takes new requests for TURN_MS. Once long turns have filled most of the last seconds, what is
 * left in a turn is refused to those who have cost more than others. So a burst, or one request that keeps the process
 * for a moment, refuses nobody; under a load that lasts, the time of the process goes into requests that are answered
 * soon.
 */

/** Some hundred callers that wait for each other's answers take no longer. */
const TURN_MS = 100;
/** Long turns that follow each other for twenty seconds are a load that lasts: they have had this share of the time. */
const STRAIN_MS = 10_000;
const LASTING = 1 - Math.exp(-20_000 / STRAIN_MS);
/** A turn of many requests never lasts longer than the first of these, nor, under a load that lasts, than the second. */
const LONGEST_BURST_MS = 3_000;
const LONGEST_TURN_MS = 1_000;
const MANY = 10;
/** Operators and health checks are always answered. */
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

/** Asked for each request, as it comes. `now` is a clock that never goes back, in ms. */
export function createLoadCheck(now: () => number = () => performance.now()): () => Load {
  let began: number | undefined;
  let ended = now();
  let requests = 0;
  /** How much of the last STRAIN_MS long turns have had, the latest most: from 0 to 1. */
  let strain = 0;
  return () => {
    const at = now();
    if (began === undefined) {
      began = at;
      requests = 0;
      setImmediate(() => {
        const turnMs = now() - (began ?? at);
        const sinceMs = now() - ended;
        const share = turnMs > TURN_MS ? turnMs / sinceMs : 0;
        strain = share + (strain - share) * Math.exp(-sinceMs / STRAIN_MS);
        ended = now();
        began = undefined;
      });
    }
    requests++;
    const tookMs = at - began;
    if (tookMs > LONGEST_BURST_MS && requests > MANY) return 'flooded';
    if (strain < LASTING || tookMs <= TURN_MS) return 'bearable';
    return tookMs > LONGEST_TURN_MS ? 'flooded' : 'overloaded';
  };
}

/** Refuses requests while there is too much to do, first those of callers who have cost more than others. */
export function createOverloadRefusal(options: {
  load: () => Load;
  share: Pick<FairShare, 'isHeavy'>;
  answer: () => PlainAnswer;
  /** The key that a request came with; undefined without one. */
  keyIdOf: (authorization: string | undefined) => string | undefined;
  /** Told of each. */
  onRefused: (keyId: string) => void;
}): (incoming: IncomingMessage) => PlainAnswer | undefined {
  return ({ url = '', headers }) => {
    // Asked of every request: it watches the turns of the event loop by them.
    const load = options.load();
    if (load === 'bearable' || ALWAYS.test(url)) return undefined;
    const keyId = options.keyIdOf(headers.authorization) ?? '';
    if (load === 'overloaded' && !options.share.isHeavy(keyId)) return undefined;
    options.onRefused(keyId);
    return options.answer();
  };
}
