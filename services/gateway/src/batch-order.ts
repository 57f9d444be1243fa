import { type InputError, MAX_JSON_FLAWS } from '@errand/contracts';
import { z } from 'zod';
import { checkBody } from './body-errors.ts';
import { type CheckedOrder, checkRunBody, type JobOrder, type OrderContext } from './job-order.ts';
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

/** A batch as it was sent, and what of it could not be given back as it came. */
export interface SentBatchBody {
  readonly body: Record<string, unknown>;
  readonly text: string;
  readonly flaws: readonly InputError[];
}

/** In a flaw's pointer: the place of the item, and the rest of the way. */
const IN_ITEM = /^#\/items\/(\d+)(.*)$/s;

/**
 * Checks a batch, each item like the body of a run. Of the items of a large batch only the first error is named, as of a
 * large input.
 * @throws Refusal invalid_input for a body that is not a batch, or of which too much is wrong to tell its items apart;
 * bad_contract
 */
export function checkBatchBody(sent: SentBatchBody, context: OrderContext): BatchItem[] {
  const { body, text, flaws } = sent;
  const batch = checkBody(Body, body);
  if (batch.kind === 'invalid') throw new Refusal('invalid_input', { errors: batch.errors });
  const flawsOf = new Map<number, InputError[]>();
  for (const flaw of flaws) {
    const [, item, rest] = IN_ITEM.exec(flaw.pointer ?? '') ?? [];
    if (item === undefined || flaws.length >= MAX_JSON_FLAWS) {
      throw new Refusal('invalid_input', { errors: [...flaws] });
    }
    const known = flawsOf.get(Number(item)) ?? [];
    flawsOf.set(Number(item), [...known, { ...flaw, pointer: `#${rest}` }]);
  }
  return batch.value.items.map((item, index) => {
    const errors = flawsOf.get(index);
    return errors ? { index, kind: 'invalid', errors } : { index, ...checkItem(item, text.length, context) };
  });
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

function checkItem(item: unknown, length: number, context: OrderContext): CheckedOrder {
  return isObject(item) ? checkRunBody(item, length, context) : invalid('type', 'must be object');
}

function invalid(code: string, detail: string): { kind: 'invalid'; errors: InputError[] } {
  return { kind: 'invalid', errors: [{ pointer: '#', code, detail }] };
}
