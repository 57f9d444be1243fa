import {
  _,
  type CodeKeywordDefinition,
  type ErrorObject,
  type KeywordCxt,
  MissingRefError,
  Name,
  nil,
} from 'ajv/dist/2020.js';
import { compileSchema, resolveRef, SchemaEnv } from 'ajv/dist/compile/index.js';
import { mergeEvaluated } from 'ajv/dist/compile/util.js';
import { callValidateCode } from 'ajv/dist/vocabularies/code.js';
import type { InPlaceReferences } from './in-place-references.ts';
import type { Run } from './run.ts';

/*
 * `$ref` that never applies the same schema to a value twice. Only references make schemas recursive, and the branches
 * of a recursive union all descend: without memory the time doubles with each level of the input; with it there are no
 * more calls than places in the schema times values in the input.
 *
 * All complaints of a schema are one error of the referring schema, with the others inside: lists of errors are not
 * copied from level to level, and each error's schemaPath is true.
 */

interface Outcome {
  readonly valid: boolean;
  readonly errors: ErrorObject[];
  readonly props: unknown;
  readonly items: unknown;
}

/** The place of a value. */
interface Place {
  readonly parentData: unknown;
  readonly parentDataProperty: unknown;
}

/** A compiled schema as references call it. Its last findings are in its properties, as Ajv requires. */
interface Target {
  (value: unknown, place: Place): boolean;
  errors: ErrorObject[];
  evaluated: { props: unknown; items: unknown };
}

export function reference(run: Run, inPlace: InPlaceReferences): CodeKeywordDefinition {
  const targets = new Map<SchemaEnv, Target>();
  function targetOf(env: SchemaEnv): Target {
    let target = targets.get(env);
    if (!target) {
      target = createTarget(env, run);
      targets.set(env, target);
    }
    return target;
  }
  return {
    keyword: '$ref',
    schemaType: 'string',
    before: 'not',
    error: {
      message: 'must match the referenced schema',
      params: ({ params: { target } }) => _`{errors: ${target}.errors}`,
    },
    code(cxt) {
      const { gen, it } = cxt;
      const env = resolve(cxt);
      if (it.dataLevel === 0) inPlace.add(it.schemaEnv.schema, { to: env.schema, holder: cxt.parentSchema });
      const target = gen.scopeValue('func', { ref: targetOf(env) });
      cxt.setParams({ target });
      cxt.result(callValidateCode(cxt, target, nil), () => {
        if (it.opts.unevaluated) addEvaluated(cxt, target);
      });
    },
  };
}

function resolve({ schema: ref, it }: KeywordCxt): SchemaEnv {
  const { baseId, schemaEnv, self, opts } = it;
  const { root } = schemaEnv;
  const isRoot = (ref === '#' || ref === '#/') && baseId === root.baseId;
  const found = isRoot ? root : resolveRef.call(self, root, baseId, ref);
  const env =
    typeof found === 'boolean'
      ? compileSchema.call(self, new SchemaEnv({ schema: found, root, baseId }))
      : found;
  if (!(env instanceof SchemaEnv)) throw new MissingRefError(opts.uriResolver, baseId, ref);
  if (env.$async) throw new Error('$async is not allowed');
  return env;
}

function addEvaluated({ gen, it }: KeywordCxt, target: Name): void {
  if (it.props !== true) {
    const props = gen.var('props', _`${target}.evaluated.props`);
    it.props = mergeEvaluated.props(gen, props, it.props, Name);
  }
  if (it.items !== true) {
    const items = gen.var('items', _`${target}.evaluated.items`);
    it.items = mergeEvaluated.items(gen, items, it.items, Name);
  }
}

function createTarget(env: SchemaEnv, run: Run): Target {
  const known = new Map<object, Outcome>();
  /** A value that is not an object has nothing inside, so it is checked again at once or never. */
  let last: ({ value: unknown; outcome: Outcome } & Place) | undefined;
  run.atEnd(() => {
    known.clear();
    last = undefined;
    target.errors = [];
    if (env.validate) env.validate.errors = null;
  });

  function outcomeOf(value: unknown, place: Place): Outcome {
    const { parentData, parentDataProperty } = place;
    if (typeof value === 'object' && value !== null) {
      let outcome = known.get(value);
      if (!outcome) {
        outcome = evaluate(value, place);
        known.set(value, outcome);
      }
      return outcome;
    }
    const isSame = last?.value === value && last?.parentData === parentData;
    if (last && isSame && last.parentDataProperty === parentDataProperty) return last.outcome;
    const outcome = evaluate(value, place);
    last = { value, parentData, parentDataProperty, outcome };
    return outcome;
  }

  function evaluate(value: unknown, place: Place): Outcome {
    const { validate } = env;
    if (!validate) throw new Error('the schema is not compiled');
    const valid = validate(value, place as never) === true;
    const { errors, evaluated } = validate;
    return { valid, errors: errors ?? [], props: evaluated?.props, items: evaluated?.items };
  }

  const target: Target = Object.assign(
    (value: unknown, place: Place) => {
      const { valid, errors, props, items } = outcomeOf(value, place);
      target.errors = errors;
      // A copy, since the caller adds to it.
      target.evaluated = { props: typeof props === 'object' ? { ...props } : props, items };
      return valid;
    },
    { errors: [], evaluated: { props: undefined, items: undefined } },
  );
  return target;
}
