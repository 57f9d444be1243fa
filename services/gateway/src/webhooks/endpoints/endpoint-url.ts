import { isIP } from 'node:net';
import type { InputError } from '@errand/contracts';
import { createAddressRules, isNeverPublic } from '@errand/runtime';

/** What a URL with `user:pass@` in it says apart from where to call. */
export interface BasicAuth {
  readonly username: string;
  readonly password: string;
}

export type EndpointUrl =
  | { readonly kind: 'url'; readonly url: string; readonly basicAuth: BasicAuth | undefined }
  | { readonly kind: 'invalid'; readonly error: InputError };

/** Which URLs the webhooks service may call, as far as they tell by themselves. */
export interface UrlRules {
  readonly allowHttp: boolean;
  /** False for an address, or a name that is never public, which no call would reach. Other names are not looked up. */
  readonly mayReach: (hostname: string) => boolean;
}

export function createUrlRules(config: {
  allowHttp: boolean;
  allowCidrs: readonly string[];
  denyCidrs: readonly string[];
}): UrlRules {
  const rules = createAddressRules(config);
  return {
    allowHttp: config.allowHttp,
    mayReach(hostname) {
      const host = hostname.replace(/^\[|\]$/g, '');
      if (isIP(host) !== 0) return rules.classify(host) !== 'blocked';
      return config.allowCidrs.length > 0 || !isNeverPublic(host);
    },
  };
}

const PLACEHOLDERS = /<(?:JOB_ID|STATUS|ACTION|TENANT_ID)>/g;
const PARTS = /^(https?):\/\/(?:([^/?]*)@)?([^/?@]+)([/?].*)?$/i;
const POINTER = '#/url';

/**
 * Reads the URL of a webhook endpoint. Text between scheme and host that names a user is taken out of it: stored
 * URLs hold no secrets of that kind. The URL of a GET may hold placeholders in its path and query.
 */
export function readEndpointUrl(
  text: string,
  options: { method: 'POST' | 'GET'; rules: UrlRules },
): EndpointUrl {
  // A backslash is a slash to some readers and not to others, so the host would depend on the reader.
  if (/[\s\\\p{Cc}]/u.test(text))
    return invalid('format', 'must not contain spaces, control characters or backslashes');
  if (text.includes('#')) return invalid('fragment', 'must not have a fragment');
  const [, scheme, user, host, rest = ''] = PARTS.exec(text) ?? [];
  if (!scheme || !host) return invalid('format', 'must be an absolute URL with a host');
  if (scheme.toLowerCase() !== 'https' && !options.rules.allowHttp)
    return invalid('scheme', 'must start with https');
  const filled = options.method === 'GET' ? rest.replaceAll(PLACEHOLDERS, 'x') : rest;
  const unknown = /<[^>]*>?|>/.exec(filled)?.[0];
  if (unknown !== undefined) return invalid('unknown_placeholder', unknownDetail(unknown, options.method));
  const parsed = URL.parse(`${scheme}://${host}${filled}`);
  if (!parsed) return invalid('format', 'must be a valid URL');
  if (!options.rules.mayReach(parsed.hostname)) {
    const detail = 'points to a non-public address that ERRAND_WEBHOOKS_ALLOW_CIDRS does not allow';
    return invalid('address_blocked', detail);
  }
  const basicAuth = user === undefined ? undefined : basicAuthOf(user);
  if (basicAuth === null) return invalid('format', 'contains a user that is not percent-encoded UTF-8');
  return { kind: 'url', url: `${scheme}://${host}${rest}`, basicAuth };
}

function unknownDetail(placeholder: string, method: 'POST' | 'GET'): string {
  const shown = placeholder.slice(0, 40);
  return method === 'GET'
    ? `${shown} is not one of <JOB_ID>, <STATUS>, <ACTION> and <TENANT_ID>`
    : `${shown} is only filled in for the method GET`;
}

/** Null for text that cannot be decoded. */
function basicAuthOf(user: string): BasicAuth | null {
  const colon = user.indexOf(':');
  try {
    return {
      username: decodeURIComponent(colon === -1 ? user : user.slice(0, colon)),
      password: colon === -1 ? '' : decodeURIComponent(user.slice(colon + 1)),
    };
  } catch {
    return null;
  }
}

function invalid(code: string, detail: string): EndpointUrl {
  return { kind: 'invalid', error: { pointer: POINTER, code, detail } };
}
