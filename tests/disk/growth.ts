import type { DiskForm } from './forms.ts';

/*
 * From the 10th retention, the middle of the early ones, to the middle of the late ones it is 15.5 retentions. A store that
 * loses all but 0.75 % of what comes in has grown by 10 % in that time; without a leak it differs by a few percent at most,
 * since servers free space in pieces.
 */
const MOST_GROWTH = 0.1;
/** What counts as nothing beside the pages and files in which servers take space. */
const LEAST_BYTES = 100_000;

export interface Growth {
  readonly store: string;
  /** Means over the early retentions and over the late ones, in bytes. */
  readonly earlyBytes: number;
  readonly lateBytes: number;
  readonly isGrowing: boolean;
}

/** How a store has grown, from its bytes in each retention. */
export function growthOf(
  store: string,
  bytes: readonly number[],
  { early, late }: Pick<DiskForm, 'early' | 'late'>,
): Growth {
  const [earlyBytes, lateBytes] = [early, late].map(([first, last]) => mean(bytes.slice(first - 1, last)));
  if (earlyBytes === undefined || lateBytes === undefined) throw new Error(`${store} was not measured`);
  const more = lateBytes - earlyBytes;
  return { store, earlyBytes, lateBytes, isGrowing: more > LEAST_BYTES && more > earlyBytes * MOST_GROWTH };
}

export function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0) / numbers.length;
}
