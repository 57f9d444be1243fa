import type { InputError } from '@errand/contracts';
import { z } from 'zod';
import { checkBody } from './body-errors.ts';
import { checkRunBody, type JobOrder, type OrderContext } from './job-order.ts';
import { isObject } from './middleware/read-json.ts';
import { Refusal } from './problem.ts';

const MAX_ITEMS = 1_000;
/** Of a batch that is wrong through and through, no more errors than these are named. */
const MAX_ERRORS = 1_000;

const Body = z.strictObject({ items: z.array(z.unknown()).min(1).max(MAX_ITEMS) });

/** Each item of a batch by its place: an order, or what is wrong with it, with pointers into the item. */
export type BatchItem = { index: number } & (
  | { kind: 'order'; order: JobOrder }
  | { kind: 'invalid'; errors: InputError[] }
);

/**
 * Checks a batch, each item like the body of a run. `length` is the number of characters of the whole JSON: of the
 * items of a large batch only the first error is named, as of a large input.
 * @throws Refusal invalid_input for a body that is not a batch, bad_contract
 */
export function checkBatchBody(
  body: Record<string, unknown>,
  length: number,
  context: OrderContext,
): BatchItem[] {
  const batch = checkBody(Body, body);
  if (batch.kind === 'invalid') throw new Refusal('invalid_input', { errors: batch.errors });
  return batch.value.items.map((item, index) => ({ index, ...checkItem(item, length, context) }));
}

/** What is wrong with the items, with pointers into the batch. */
export function batchErrors(items: readonly BatchItem[]): InputError[] {
  const errors = items.flatMap((item) =>
    item.kind === 'order'
      ? []
      : item.errors.map((error) => ({
          ...error,
          pointer: `#/items/${item.index}${error.pointer?.slice(1) ?? ''}`,
        })),
  );
  return errors.slice(0, MAX_ERRORS);
}

function checkItem(item: unknown, length: number, context: OrderContext) {
  if (!isObject(item)) return invalid('type', 'must be object');
  try {
    return checkRunBody(item, length, context);
  } catch (error) {
    if (error instanceof Refusal && error.code === 'nested_too_deeply') {
      return invalid('nested_too_deeply', 'is nested too deeply');
    }
    throw error;
  }
}

function invalid(code: string, detail: string): { kind: 'invalid'; errors: InputError[] } {
  return { kind: 'invalid', errors: [{ pointer: '#', code, detail }] };
}
