import { _, type CodeKeywordDefinition, str } from 'ajv/dist/2020.js';
import type { Run } from './run.ts';

/** `uniqueItems` in linear time: Ajv's own compares each item with every other one. */
export function uniqueItems(run: Run): CodeKeywordDefinition {
  function firstPair(items: readonly unknown[]): [number, number] | undefined {
    const seen = new Map<number, number>();
    for (const [index, item] of items.entries()) {
      const id = run.numberOf(item);
      const earlier = seen.get(id);
      if (earlier !== undefined) return [earlier, index];
      seen.set(id, index);
    }
    return undefined;
  }
  return {
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    error: {
      message: ({ params: { pair } }) =>
        str`must NOT have duplicate items (items ${_`${pair}[0]`} and ${_`${pair}[1]`} are identical)`,
      params: ({ params: { pair } }) => _`{i: ${pair}[1], j: ${pair}[0]}`,
    },
    code(cxt) {
      if (cxt.schema !== true) return;
      const find = cxt.gen.scopeValue('func', { ref: firstPair });
      const pair = cxt.gen.const('pair', _`${find}(${cxt.data})`);
      cxt.setParams({ pair });
      cxt.pass(_`${pair} === undefined`);
    },
  };
}
