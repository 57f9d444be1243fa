import { hash } from 'node:crypto';

/**
 * A job id that always follows from the same words: the time is that of the first id, the version is 7, and the random bits
 * (RFC 9562, 5.7) are the SHA-256 of the words. So whoever requests its job again comes upon the very same one.
 */
export function derivedJobId(timedId: string, words: string): string {
  const digest = hash('sha256', words, 'hex');
  const variant = ((Number.parseInt(digest.slice(3, 4), 16) & 0x3) | 0x8).toString(16);
  const [time, timeLow] = timedId.split('-');
  return `${time}-${timeLow}-7${digest.slice(0, 3)}-${variant}${digest.slice(4, 7)}-${digest.slice(7, 19)}`;
}
