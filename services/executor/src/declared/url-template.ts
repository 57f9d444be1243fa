import { PermanentError } from '@errand/actions';
import type { Declaration } from './declaration.ts';
import { FORM } from './headers.ts';
import type { Mistake } from './yaml-places.ts';

/*
 * http://host/customers/{customer_id}/quotes?currency={currency}
 *
 * A parameter is one of the resource or, if there is none of that name, a member of the input. It stands in the path or
 * the query, percent-encoded, so that no value can lead to another host or out of its place.
 */

const PARAMETER = /\{([^{}]*)\}/g;
const SCALARS = ['string', 'number', 'integer', 'boolean'];

/** Names between braces, in order. */
export function parametersOf(template: string): string[] {
  return [...template.matchAll(PARAMETER)].map(([, name = '']) => name);
}

export function urlMistakes(template: string, { resource, input }: Declaration): Mistake[] {
  const wrong = (message: string) => ({ path: ['url'], message });
  const origin = /^https?:\/\/[^/?#]*/.exec(template)?.[0];
  if (origin === undefined) return [wrong('must begin with http:// or https://')];
  if (/[{}]/.test(origin)) return [wrong('a parameter may not be part of the host')];
  const plain = template.replaceAll(PARAMETER, 'x');
  if (!URL.canParse(plain) || /[{}#\s]/.test(plain)) return [wrong('is no URL')];
  const { username, password } = new URL(plain);
  if (username || password) return [wrong(`may hold no credentials; put them into a header with ${FORM}`)];
  const { properties = {}, required = [] } = input as {
    properties?: Record<string, { type?: unknown } | undefined>;
    required?: unknown[];
  };
  const known = parametersOf(resource);
  return parametersOf(template)
    .filter((name) => !known.includes(name))
    .flatMap((name) => {
      if (!Object.hasOwn(properties, name))
        return [wrong(`{${name}} is neither in the resource nor in the input`)];
      if (!required.includes(name)) return [wrong(`{${name}} must be required in the input`)];
      const { type } = properties[name] ?? {};
      return SCALARS.includes(String(type)) ? [] : [wrong(`{${name}} must be of type ${SCALARS.join(', ')}`)];
    });
}

/** @throws PermanentError for a value that would change the path around it. */
export function fillUrl(template: string, values: Readonly<Record<string, unknown>>): string {
  return template.replaceAll(PARAMETER, (_, name: string) => {
    const value = String(values[name]);
    // Encoded or not, URLs drop a segment that is a dot and take two for the way up.
    if (/^\.{1,2}$/.test(value) || !value.isWellFormed()) {
      throw new PermanentError('invalid_parameter', `${name} cannot be part of a URL.`, [
        { parameter: name },
      ]);
    }
    return encodeURIComponent(value);
  });
}
