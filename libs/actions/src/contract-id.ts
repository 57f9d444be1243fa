import { createHash } from 'node:crypto';
import type { ActionContract } from '@errand/contracts';

const LENGTH = 16;

/** Identifies an action's contract: a digest of its path and its schemas, in hex. */
export function contractIdOf({
  resource,
  input_schema,
  result_schema,
}: Pick<ActionContract, 'resource' | 'input_schema' | 'result_schema'>): string {
  const text = JSON.stringify([resource, input_schema, result_schema]);
  return createHash('sha256').update(text).digest('hex').slice(0, LENGTH);
}
