import { hash } from 'node:crypto';

/**
 * The id of the job of one item of a batch, by the item's place in it. It follows from the id of the first item's job,
 * so a batch that is sent again comes upon the very same jobs: the time and the version are the first one's, and the
 * random bits (RFC 9562, 5.7) are the SHA-256 of the first id and the place.
 */
export function batchJobId(firstId: string, index: number): string {
  if (index === 0) return firstId;
  const digest = hash('sha256', `${firstId} ${index}`, 'hex');
  const variant = ((Number.parseInt(digest.slice(3, 4), 16) & 0x3) | 0x8).toString(16);
  const [time, timeLow] = firstId.split('-');
  return `${time}-${timeLow}-7${digest.slice(0, 3)}-${variant}${digest.slice(4, 7)}-${digest.slice(7, 19)}`;
}
