import type { InputError } from '@errand/contracts';

/*
 *   /v2/tenants/{tenant_id}/designs/{design_id}/performance_simulation/run
 *                           └── resource ──────┘ └── action ─────────┘ └ verb
 */

export interface ActionPath {
  readonly action: string;
  readonly verb: string;
  /** The path words between the tenant and the action, percent-encoded as they came. */
  readonly resource: readonly string[];
  /** Everything up to and with the action. */
  readonly prefix: string;
}

/** Words before the resource: an empty one, `v2`, `tenants`, the tenant. */
const HEAD_WORDS = 4;

/** The path of a URL as it was sent, still percent-encoded. */
export function rawPathOf(url: string): string {
  const start = url.indexOf('/', url.indexOf('://') + 3);
  const end = url.slice(start).search(/[?#]/);
  return end === -1 ? url.slice(start) : url.slice(start, start + end);
}

/**
 * What a path names, the same for all ways to write it and wherever the action has moved: the values of its resource, its
 * last two words, and none of the words that a resource has before its values.
 */
export function keyedPlaceOf(url: string): string {
  const words = rawPathOf(url).split('/').slice(HEAD_WORDS);
  const resource = words.slice(0, -2).filter((_, index) => index % 2 === 1);
  return [...resource, ...words.slice(-2)]
    .map((word) => encodeURIComponent(decodeWord(word) ?? word))
    .join('/');
}

/** Takes the path of a run or a status call apart, or undefined for a path with too few words. */
export function parseActionPath(path: string): ActionPath | undefined {
  const words = path.split('/');
  const verb = words.at(-1);
  const action = words.at(-2);
  if (words.length < HEAD_WORDS + 2 || !verb || !action) return undefined;
  return {
    action,
    verb,
    resource: words.slice(HEAD_WORDS, -2),
    prefix: path.slice(0, -(verb.length + 1)),
  };
}

export type ResourceMatch =
  | { readonly kind: 'matched'; readonly parameters: Record<string, string> }
  | { readonly kind: 'mismatched' }
  | { readonly kind: 'invalid'; readonly errors: InputError[] };

/** How an action's resource template is laid out: a fixed word, or the name of a parameter. */
export type ResourceTemplate = readonly ({ readonly word: string } | { readonly parameter: string })[];

export function parseResourceTemplate(template: string): ResourceTemplate {
  return template
    .split('/')
    .filter((part) => part !== '')
    .map((part) => (part.startsWith('{') ? { parameter: part.slice(1, -1) } : { word: part }));
}

/** Reads a resource's parameters from path words: 1-200 characters each, none of them a control character. */
export function matchResource(template: ResourceTemplate, words: readonly string[]): ResourceMatch {
  if (template.length !== words.length) return { kind: 'mismatched' };
  const parameters: Record<string, string> = {};
  const errors: InputError[] = [];
  for (const [index, part] of template.entries()) {
    const sent = words[index] ?? '';
    if ('word' in part) {
      if (part.word !== sent) return { kind: 'mismatched' };
      continue;
    }
    if (sent === '') return { kind: 'mismatched' };
    const value = decodeWord(sent);
    if (value !== undefined && isFit(value)) parameters[part.parameter] = value;
    else {
      const detail = 'must be 1-200 percent-encoded UTF-8 characters without control characters';
      errors.push({ parameter: part.parameter, code: 'invalid_parameter', detail });
    }
  }
  return errors.length === 0 ? { kind: 'matched', parameters } : { kind: 'invalid', errors };
}

/** The path of a resource with its parameters filled in, or undefined when one is missing. */
export function fillResource(
  template: ResourceTemplate,
  parameters: Readonly<Record<string, string>>,
): string | undefined {
  let path = '';
  for (const part of template) {
    const value = 'word' in part ? part.word : parameters[part.parameter];
    if (value === undefined) return undefined;
    path += `/${encodeURIComponent(value)}`;
  }
  return path;
}

/** Undefined for a word that is not percent-encoded UTF-8. */
export function decodeWord(word: string): string | undefined {
  try {
    return decodeURIComponent(word);
  } catch {
    return undefined;
  }
}

/** Whether a resource's parameter may have a value: 1-200 characters, none of them a control character. */
export function isFit(value: string): boolean {
  return value !== '' && value.length <= 200 && !/\p{Cc}/u.test(value);
}
