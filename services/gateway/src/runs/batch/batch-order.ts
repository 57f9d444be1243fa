import { type InputError, MAX_JSON_FLAWS } from '@errand/contracts';
import { z } from 'zod';
import { checkBody } from '../../http/body-errors.ts';
import { type ErrorRoom, MAX_ERRORS } from '../../http/error-room.ts';
import { Refusal } from '../../http/problem.ts';
import { isObject } from '../../http/read-body.ts';
import { createBreather } from '../../load/breather.ts';
import { type CheckedOrder, checkRunBody, type JobOrder, type OrderContext } from '../run-options.ts';

const MAX_ITEMS = 1_000;
/** Of one item, no more errors than these are named. */
const MAX_ITEM_ERRORS = 100;

const Body = z.strictObject({ items: z.array(z.unknown()).min(1).max(MAX_ITEMS) });

/** Each item of a batch by its place: an order, or what is wrong with it, with pointers into the item. */
export type BatchItem = { index: number } & (
  | { kind: 'order'; order: JobOrder }
  | { kind: 'invalid'; errors: Iterable<InputError> }
);

/** A batch as it was sent, and what of it could not be given back as it came. */
export interface SentBatchBody {
  readonly body: Record<string, unknown>;
  readonly text: string;
  readonly flaws: readonly InputError[];
  /** Does the work of one item. */
  readonly work: <T>(item: () => T) => T;
}

/** In a flaw's pointer: the place of the item, and the rest of the way. */
const IN_ITEM = /^#\/items\/(\d+)(.*)$/s;

/**
 * Checks a batch, each item like the body of a run; `errorOf` says what else is wrong with an order. Of the items of a
 * large batch only the first error is named, as of a large input. Other requests have their turns in between.
 * @throws Refusal invalid_input for a body that is not a batch, or of which too much is wrong to tell its items apart;
 * bad_contract
 */
export async function checkBatchBody(
  sent: SentBatchBody,
  context: OrderContext,
  errorOf: (order: JobOrder) => InputError | undefined,
): Promise<BatchItem[]> {
  const { body, text, flaws, work } = sent;
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
  const breathe = createBreather();
  const items: BatchItem[] = [];
  for (const [index, item] of batch.value.items.entries()) {
    const errors = flawsOf.get(index);
    const checked = work((): CheckedOrder => {
      if (errors) return { kind: 'invalid', errors };
      const order = checkItem(item, text.length, context);
      const error = order.kind === 'order' ? errorOf(order.order) : undefined;
      return error ? { kind: 'invalid', errors: [error] } : order;
    });
    items.push({ index, ...checked });
    await breathe();
  }
  return items;
}

/** What is wrong with the items, with pointers into the batch. */
export function* batchErrors(items: readonly BatchItem[]): Generator<InputError, void, undefined> {
  for (const item of items) {
    if (item.kind === 'order') continue;
    for (const error of item.errors) {
      yield { ...error, pointer: `#/items/${item.index}${error.pointer?.slice(1) ?? ''}` };
    }
  }
}

/** What an answer says of each wrong item, by its place: something of each before more of any. */
export function errorsByItem(items: readonly BatchItem[], room: ErrorRoom): Map<number, InputError[]> {
  const wrong = items.filter((item) => item.kind === 'invalid');
  let toSpare = MAX_ERRORS - wrong.length;
  return new Map(
    wrong.map(({ index, errors }) => {
      const taken = room.take(errors, Math.min(MAX_ITEM_ERRORS, 1 + toSpare));
      toSpare -= Math.max(0, taken.length - 1);
      return [index, taken];
    }),
  );
}

function checkItem(item: unknown, length: number, context: OrderContext): CheckedOrder {
  return isObject(item) ? checkRunBody(item, length, context) : invalid('type', 'must be object');
}

function invalid(code: string, detail: string): { kind: 'invalid'; errors: InputError[] } {
  return { kind: 'invalid', errors: [{ pointer: '#', code, detail }] };
}
