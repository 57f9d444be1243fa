import { PermanentError } from '@errand/actions';
import type { Declaration } from '../declaration.ts';
import type { Mistake } from '../yaml/yaml-places.ts';
import { FORM } from './headers.ts';

/*
 * http://host/customers/{customer_id}/quotes?currency={currency}
 *
 * A parameter is one of the resource or, if there is none of that name, a member of the input. It stands in the path or
 * the query, percent-encoded, so that no value can lead to another host or out of its place: a path has as many segments
 * as its template, and none of them is empty or made of dots where a parameter is. Many servers decode %2F before they
 * resolve a path, so a value of the path holds no slash unless the declaration allows it, and then no dots between slashes.
 */

const PARAMETER = /\{([^{}]*)\}/g;
const SCALARS = ['string', 'number', 'integer', 'boolean'];
/** Outside of braces. */
const QUERY = /\?(?![^{}]*\}).*/s;
const SLASH = /\/(?![^{}]*\})/;
const SLASHES = /[/\\]/;
const ENCODED_SLASH = /%2f|%5c/i;
/** Encoded or not, URLs drop such a segment, or take it for the way up; so do servers if parameters of the path follow. */
const DOTS = /^(\.|%2e){1,2}(;|%3b|$)/i;

/** Names between braces, in order. */
export function parametersOf(template: string): string[] {
  return [...template.matchAll(PARAMETER)].map(([, name = '']) => name);
}

export function urlMistakes(
  template: string,
  { resource, input }: Declaration,
  isGiven: (name: string) => boolean = () => false,
): Mistake[] {
  const mistakes = [...formMistakes(template)];
  const own = parametersOf(resource);
  // Of a schema that is none, its own mistake is told elsewhere.
  const properties = isMap(input.properties) ? input.properties : {};
  const required = Array.isArray(input.required) ? input.required : [];
  for (const name of parametersOf(template).filter((each) => !own.includes(each) && !isGiven(each))) {
    if (!Object.hasOwn(properties, name)) mistakes.push(`{${name}} is in neither the resource nor the input`);
    else if (!required.includes(name)) mistakes.push(`{${name}} must be required in the input`);
    else if (!isScalar(properties[name])) mistakes.push(`{${name}} must be of type ${SCALARS.join(', ')}`);
  }
  return mistakes.map((message) => ({ path: ['url'], message }));
}

/** Whatever the parameters are. */
function* formMistakes(template: string): Generator<string> {
  const [origin, authority = ''] = /^https?:\/\/([^/?#]*)/.exec(template) ?? [];
  if (origin === undefined) return yield 'must start with http:// or https://';
  // URLs would take what follows the slashes for the host.
  if (authority === '') return yield 'has no host';
  if (/[{}]/.test(authority)) return yield 'must not have a parameter in the host';
  const plain = template.replaceAll(PARAMETER, 'x');
  if (!URL.canParse(plain) || /[{}#\\\s\p{Cc}]/u.test(plain)) return yield 'is not a URL';
  if (authority.includes('@')) yield `must not contain credentials; put them into a header with ${FORM}`;
  if (/%(?![0-9a-f]{2})/i.test(plain)) yield 'has a % without two hex digits after it';
  if (segmentsOf(plain).some((segment) => DOTS.test(segment))) yield 'has . or .. in its path';
}

/** @throws PermanentError that names the parameters whose values would change the path around them. */
export function fillUrl(
  template: string,
  values: Readonly<Record<string, unknown>>,
  { allowSlashes = false }: { allowSlashes?: boolean } = {},
): string {
  const path = segmentsOf(template).map((segment) => {
    const names = parametersOf(segment);
    const empty = names.filter((name) => values[name] === '');
    if (empty.length > 0) throw unfit(empty);
    const slashed = names.filter((name) => !allowSlashes && SLASHES.test(String(values[name])));
    if (slashed.length > 0) throw unfit(slashed);
    const filled = fill(segment, values);
    if (filled.split(ENCODED_SLASH).some((part) => DOTS.test(part))) throw unfit(names);
    return filled;
  });
  const [query = ''] = QUERY.exec(template) ?? [];
  return path.join('/') + fill(query, values);
}

function segmentsOf(template: string): string[] {
  return template.replace(QUERY, '').split(SLASH);
}

function fill(part: string, values: Readonly<Record<string, unknown>>): string {
  return part.replaceAll(PARAMETER, (_, name: string) => {
    const value = String(values[name]);
    if (!value.isWellFormed()) throw unfit([name]);
    return encodeURIComponent(value);
  });
}

function unfit(names: readonly string[]): PermanentError {
  const details = names.map((parameter) => ({ parameter }));
  return new PermanentError('invalid_parameter', `${names.join(', ')} cannot be part of a URL.`, details);
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isScalar(schema: unknown): boolean {
  return isMap(schema) && SCALARS.includes(String(schema.type));
}
