import { type ActionContract, Metadata } from '@errand/contracts';
import { z } from 'zod';
import type { CatalogueEntry } from './action-catalogue.ts';
import { parseBody } from './body-errors.ts';
import type { JsonBody } from './middleware/read-json.ts';
import { Refusal } from './problem.ts';

const JobOptions = z.strictObject({ metadata: Metadata.optional() });

export interface JobOrder {
  readonly contract: ActionContract;
  readonly input: Record<string, unknown>;
  readonly metadata: Record<string, string>;
}

/**
 * Splits a run's body into the action's input and the options under `_job`, both checked. Takes the options out of
 * the body that it is given.
 * @throws Refusal invalid_input, bad_contract, nested_too_deeply
 */
export function readJobOrder(entry: CatalogueEntry, { body, length }: JsonBody): JobOrder {
  if (!entry.validate) throw new Refusal('bad_contract');
  let metadata: Record<string, string> = {};
  if (Object.hasOwn(body, '_job')) {
    metadata = parseBody(JobOptions, body._job, '/_job').metadata ?? {};
    delete body._job;
  }
  try {
    const errors = entry.validate(body, length);
    if (errors.length > 0) throw new Refusal('invalid_input', { errors });
  } catch (error) {
    // A schema that refers to itself is followed as deep as the input goes.
    throw error instanceof RangeError ? new Refusal('nested_too_deeply') : error;
  }
  return { contract: entry.contract, input: body, metadata };
}
