import { createHash } from 'node:crypto';

const LENGTH = 32;

/** Distinguishes URLs without revealing them: they may hold secrets. */
export function receiverOf(url: string): string {
  return createHash('sha256').update(url).digest('hex').slice(0, LENGTH);
}
