import { createHash } from 'node:crypto';

/** The shard of an endpoint's deliveries, 0-255: the first byte of the endpoint id's SHA-256. */
export function shardOf(endpointId: string): number {
  return createHash('sha256').update(endpointId).digest()[0] ?? 0;
}
