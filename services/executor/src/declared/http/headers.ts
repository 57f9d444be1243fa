import { type Environment, variableIn } from '../command/environment.ts';
import type { Mistake } from '../yaml/yaml-places.ts';

const SECRET = /\$\{secret:([A-Za-z_][A-Za-z0-9_]*)\}/g;
// biome-ignore lint/suspicious/noTemplateCurlyInString: it is shown as it is written
export const FORM = '${secret:NAME}';
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Visible ASCII, spaces and tabs: nothing that could end a header's line. */
const VALUE = /^[\x20-\x7e\t]*$/;

/** Said by every call, or by the connection. */
const TAKEN = [
  'accept-encoding',
  'connection',
  'content-length',
  'expect',
  'host',
  'idempotency-key',
  'keep-alive',
  'te',
  'traceparent',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

export function isHeaderName(name: string): boolean {
  return NAME.test(name);
}

/** What is wrong with the secrets that a text names. */
export function secretMistakes(value: string, env: Environment): string[] {
  const missing = [...value.matchAll(SECRET)]
    .map(([, variable = '']) => variable)
    .filter((each) => !variableIn(env, each))
    .map((variable) => `the environment has no ${variable}`);
  return value.replaceAll(SECRET, '').includes('${')
    ? [...missing, `${FORM} is the only allowed form`]
    : missing;
}

export function headerMistakes(headers: Readonly<Record<string, string>>, env: Environment): Mistake[] {
  const names = Object.keys(headers);
  return Object.entries(headers).flatMap(([name, value]) => {
    const wrong = (message: string) => ({ path: ['headers', name], message });
    const mistakes: Mistake[] = [];
    if (!isHeaderName(name)) mistakes.push(wrong('is not a header name'));
    if (TAKEN.includes(name.toLowerCase())) mistakes.push(wrong('is set by Errand itself'));
    const first = names.find((each) => each.toLowerCase() === name.toLowerCase());
    if (first !== name) mistakes.push(wrong(`repeats ${first}`));
    mistakes.push(...secretMistakes(value, env).map(wrong));
    // What the value is may be secret, so it is not shown.
    if (!VALUE.test(fill(value, env))) mistakes.push(wrong('contains characters that a header cannot hold'));
    return mistakes;
  });
}

/** The headers with their secrets, in lower case. */
export function filledHeaders(
  headers: Readonly<Record<string, string>>,
  env: Environment,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), fill(value, env)]),
  );
}

/** The variables whose values are secrets in a text. */
export function secretsIn(text: string): string[] {
  return [...text.matchAll(SECRET)].map(([, variable = '']) => variable);
}

/** A text with its secrets. */
export function fill(value: string, env: Environment): string {
  return value.replaceAll(SECRET, (_, variable: string) => variableIn(env, variable) ?? '');
}
