import type { DiskForm } from './forms.ts';
import type { Sizes } from './sizes.ts';

/*
 * From the 10th retention, the middle of the early ones, to the middle of the late ones it is 15.5 retentions. A store that
 * keeps 0.75 % of what comes in for good has grown by 10 % in that time; one that keeps nothing differs by 2 %, as measured.
 */
const MOST_GROWTH = 0.1;
/** A few pages of a server. */
const LEAST_BYTES = 100_000;
/**
 * NATS removes a file once all that is in it is old, and begins another one at 8 MB; so a stream that gets little has one
 * file, which grows for hundreds of retentions.
 */
const LEAST_FILE_BYTES = 8_400_000;

export interface Growth {
  readonly store: keyof Sizes;
  /** Means over the early retentions and over the late ones, in bytes. */
  readonly earlyBytes: number;
  readonly lateBytes: number;
  readonly isGrowing: boolean;
}

/** How a store has grown, from its bytes in each retention. */
export function growthOf(
  store: keyof Sizes,
  bytes: readonly number[],
  { early, late }: Pick<DiskForm, 'early' | 'late'>,
): Growth {
  const [earlyBytes, lateBytes] = [early, late].map(([first, last]) => mean(bytes.slice(first - 1, last)));
  if (earlyBytes === undefined || lateBytes === undefined) throw new Error(`${store} was not measured`);
  const more = lateBytes - earlyBytes;
  const least = store === 'natsFiles' ? LEAST_FILE_BYTES : LEAST_BYTES;
  return { store, earlyBytes, lateBytes, isGrowing: more > least && more > earlyBytes * MOST_GROWTH };
}

export function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0) / numbers.length;
}
