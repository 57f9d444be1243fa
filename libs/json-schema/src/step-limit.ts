import { _, type CodeKeywordDefinition, Name } from 'ajv/dist/2020.js';
import type { Run } from './run.ts';
import { schemasIn } from './schemas-in.ts';

/** Has no meaning elsewhere: a schema with it counts the complaints that it might make. */
const KEYWORD = 'errand:steps';
/**
 * A step is one schema applied to one value, or one thing that it might complain of; deep inside, where errors carry
 * long paths, each PATH_LENGTH characters count once more. In the worst case this many steps take some 50 ms.
 */
const MAX_STEPS = 100_000;
const PATH_LENGTH = 256;
/** Keywords that may complain of each member without a counting schema of their own. */
const FOR_ALL_MEMBERS = [
  'additionalProperties',
  'unevaluatedProperties',
  'patternProperties',
  'propertyNames',
  'unevaluatedItems',
  'contains',
];
/** The path of the value in the function that Ajv is generating, under Ajv's name for it. */
export const instancePath = new Name('instancePath');

/** Thrown in the middle of a validation. */
export class TooManySteps extends Error {
  override name = 'TooManySteps';
  readonly code = 'too_many_steps';
  readonly retryable = false;
}

/** Thrown in the middle of a validation whose texts are too long for the patterns that they are matched against. */
export class TooMuchText extends Error {
  override name = 'TooMuchText';
  readonly code = 'too_much_text';
  readonly retryable = false;
  /** The place of the text for which there was no time left. */
  readonly instancePath: string;
  constructor(instancePath: string) {
    super();
    this.instancePath = instancePath;
  }
}

/** What is left for all the inputs that share it. */
export interface CheckSteps {
  left: number;
  /** Characters times the instructions of the patterns that they are matched against. */
  patternWork: number;
}

/** In the worst case this takes a second, usually far less. A megabyte of base64 fits. */
const MAX_PATTERN_WORK = 30_000_000;

export function createSteps(): CheckSteps {
  return { left: MAX_STEPS, patternWork: MAX_PATTERN_WORK };
}

/** A copy of a schema that counts its steps. */
export function counting(schema: Record<string, unknown>): Record<string, unknown> {
  const copy = structuredClone(schema);
  for (const { schema: each } of [...schemasIn(copy)]) each[KEYWORD] = true;
  return copy;
}

/** Stops a validation by throwing TooManySteps. */
export function stepLimit(run: Run): CodeKeywordDefinition {
  function take(count: number, pathLength: number, all: unknown): void {
    const members = typeof all === 'object' && all !== null ? Object.keys(all).length : 0;
    run.steps.left -= (count + members) * (1 + Math.floor(pathLength / PATH_LENGTH));
    if (run.steps.left < 0) throw new TooManySteps();
  }
  return {
    keyword: KEYWORD,
    before: '$ref',
    code({ gen, data, parentSchema }) {
      const wanted = [parentSchema.required, ...Object.values(parentSchema.dependentRequired ?? {})].flat();
      const looksAtAll = FOR_ALL_MEMBERS.some((keyword) => parentSchema[keyword] !== undefined);
      const ref = gen.scopeValue('func', { ref: take });
      const all = looksAtAll ? data : _`null`;
      gen.code(_`${ref}(${1 + wanted.length}, ${instancePath}.length, ${all})`);
    },
  };
}
