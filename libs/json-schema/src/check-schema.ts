import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { type Compiled, compile } from './compile-checks.ts';
import { createPatterns, type Patterns } from './patterns/re2-pattern.ts';
import { schemasIn } from './schemas-in.ts';

/** A mistake in a schema, and where it is. */
export interface SchemaMistake {
  /** Keys from the schema's root. */
  readonly path: readonly string[];
  readonly detail: string;
}

const DIALECT = 'https://json-schema.org/draft/2020-12/schema';

/** Also for schemas of foreign executors: nothing about them is trusted. Empty for one that compiles. */
export function schemaMistakes(schema: Record<string, unknown>): SchemaMistake[] {
  return examineSchema(schema).mistakes;
}

/** The mistakes of a schema or, if it has none, the checks of its inputs. */
export function examineSchema(schema: Record<string, unknown>): {
  mistakes: SchemaMistake[];
  checked?: { quick: Compiled; patterns: Patterns };
} {
  try {
    const patterns = createPatterns();
    const ofKeywords = () => keywordMistakes(schema, patterns);
    for (const find of [numberMistakes, dialectMistakes, formMistakes, ofKeywords]) {
      const mistakes = find(schema);
      if (mistakes.length > 0) return { mistakes };
    }
    const quick = compile(schema, { allErrors: false, patterns });
    if (quick.endless === undefined) return { mistakes: [], checked: { quick, patterns } };
    const { path = [] } = [...schemasIn(schema)].find((each) => each.schema === quick.endless) ?? {};
    return { mistakes: [{ path: [...path, '$ref'], detail: ENDLESS }] };
  } catch (error) {
    const detail = error instanceof RangeError ? TOO_DEEP : (error as Error).message;
    return { mistakes: [{ path: [], detail }] };
  }
}

const ENDLESS = 'refers to itself endlessly at the same value';
const TOO_DEEP = 'is nested too deeply, or refers to itself endlessly';

/** JSON cannot express these numbers, so the schema would change when it is announced. */
function numberMistakes(value: unknown, path: readonly string[] = []): SchemaMistake[] {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    return [{ path, detail: `${value} is not a JSON number` }];
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) => numberMistakes(member, [...path, key]));
}

function dialectMistakes({ $schema }: Record<string, unknown>): SchemaMistake[] {
  if ($schema === undefined || $schema === DIALECT || $schema === `${DIALECT}#`) return [];
  return [{ path: ['$schema'], detail: `must be ${DIALECT}` }];
}

let isSchema: ValidateFunction | undefined;

function formMistakes(schema: Record<string, unknown>): SchemaMistake[] {
  isSchema ??= new Ajv2020({ allErrors: true, validateFormats: false, logger: false }).getSchema(DIALECT);
  if (!isSchema) throw new Error('Ajv does not know its dialect');
  if (isSchema(schema)) return [];
  const mistakes = (isSchema.errors ?? []).map(({ instancePath, message = 'is not valid' }) => ({
    path: pathOf(instancePath),
    detail: message,
  }));
  isSchema.errors = null;
  // Applicators repeat what their branches say.
  return mistakes.filter(({ path }, index) => mistakes.findIndex((one) => isSame(one.path, path)) === index);
}

/** The first would turn every answer into a promise; the second bypasses the memory that keeps checks fast. */
const REFUSED_KEYWORDS = ['$async', '$dynamicRef'];

function keywordMistakes(schema: Record<string, unknown>, compiled: Patterns): SchemaMistake[] {
  return [...schemasIn(schema)].flatMap(({ schema: each, path }) => {
    const refused = REFUSED_KEYWORDS.filter((keyword) => Object.hasOwn(each, keyword));
    const { pattern, patternProperties } = each;
    const patterns = [
      ...(typeof pattern === 'string' ? [{ path: [...path, 'pattern'], pattern }] : []),
      ...(typeof patternProperties === 'object' && patternProperties !== null
        ? Object.keys(patternProperties).map((name) => ({
            path: [...path, 'patternProperties', name],
            pattern: name,
          }))
        : []),
    ];
    return [
      ...refused.map((keyword) => ({ path: [...path, keyword], detail: 'is not allowed' })),
      ...patterns.flatMap((one) => patternMistakes(one, compiled)),
    ];
  });
}

function patternMistakes(
  { path, pattern }: { path: readonly string[]; pattern: string },
  compiled: Patterns,
): SchemaMistake[] {
  try {
    compiled.compile(pattern);
    return [];
  } catch (error) {
    return [{ path, detail: (error as Error).message }];
  }
}

function pathOf(pointer: string): string[] {
  const tokens = pointer.split('/').slice(1);
  return tokens.map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((key, index) => key === b[index]);
}
