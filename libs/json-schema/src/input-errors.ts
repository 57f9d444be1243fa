import { fragmentOf, type InputError, pointerToken } from '@errand/contracts';
import type { ErrorObject } from 'ajv';
import { withoutNoise } from './union-errors.ts';

const MAX_INPUT_ERRORS = 100;
/** If there are more errors, only the first ones are examined. */
const MAX_EXAMINED = 500;

const CODE_OF: Record<string, string> = {
  additionalProperties: 'unknown_property',
  unevaluatedProperties: 'unknown_property',
  dependentRequired: 'required',
  propertyNames: 'invalid_property_name',
  'false schema': 'not_allowed',
};

/** The first 100 errors of an input, each with its pointer, code and detail. */
export function inputErrorsOf(ajvErrors: readonly ErrorObject[]): InputError[] {
  const found = withoutNoise(ajvErrors).slice(0, MAX_EXAMINED).map(inputErrorOf);
  const mistyped = new Set(found.filter(({ code }) => code === 'type').map(({ pointer }) => pointer));
  const seen = new Set<string>();
  const kept = found.filter(({ pointer, code }) => {
    const key = `${pointer} ${code === 'format' ? 'pattern' : code}`;
    if (seen.has(key) || (code !== 'type' && mistyped.has(pointer))) return false;
    seen.add(key);
    return true;
  });
  return kept.slice(0, MAX_INPUT_ERRORS);
}

function inputErrorOf(error: ErrorObject): InputError {
  const { keyword, params } = error;
  const property: unknown =
    params.missingProperty ??
    params.additionalProperty ??
    params.unevaluatedProperty ??
    (keyword === 'propertyNames' ? params.propertyName : undefined);
  const path = error.instancePath + (typeof property === 'string' ? pointerToken(property) : '');
  return { pointer: fragmentOf(path), code: codeOf(keyword), detail: detailOf(error) };
}

function codeOf(keyword: string): string {
  return CODE_OF[keyword] ?? keyword.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function detailOf(error: ErrorObject): string {
  const { keyword, params } = error;
  switch (keyword) {
    case 'required':
    case 'dependentRequired':
      return 'is required';
    case 'additionalProperties':
    case 'unevaluatedProperties':
      return 'is not a known property';
    case 'enum':
      return cut(`must be one of ${(params.allowedValues as unknown[]).map(show).join(', ')}`);
    case 'const':
      return cut(`must be ${show(params.allowedValue)}`);
    case 'anyOf':
      return 'must match one of the allowed forms';
    case 'oneOf':
      return 'must match exactly one of the allowed forms';
    case 'propertyNames':
      return 'is not an allowed name';
    case 'type':
      return `must be ${[params.type].flat().join(' or ')}`;
    case 'pattern': {
      // A format's name says more than the long pattern that comes with it.
      const format: unknown = error.parentSchema?.format;
      return typeof format === 'string' ? `must be a valid ${format}` : cut(error.message ?? 'is not valid');
    }
    case 'format':
      return `must be a valid ${params.format}`;
    default:
      return cut((error.message ?? 'is not valid').replace('must NOT', 'must not'));
  }
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? 'undefined';
}

function cut(text: string): string {
  return text.length <= 300 ? text : `${text.slice(0, 299)}…`;
}
