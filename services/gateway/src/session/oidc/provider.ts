import {
  AuthorizationResponseError,
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  type ClientAuth,
  ClientError,
  ClientSecretBasic,
  ClientSecretPost,
  type Configuration,
  calculatePKCECodeChallenge,
  discovery,
  enableNonRepudiationChecks,
  None,
  ResponseBodyError,
  type ServerMetadata,
} from 'openid-client';
import type { OidcSettings } from './oidc-settings.ts';
import type { Claims } from './roles-of-claims.ts';
import type { Flow } from './sign-in-flow.ts';

/*
 * The OpenID provider, over HTTP: authorization code with PKCE (OpenID Connect Core 1.0, RFC 7636, RFC 9207). It is asked
 * only when somebody signs in; nothing else of the gateway depends on it.
 */

interface Unavailable {
  readonly kind: 'unavailable';
  /** For operators. */
  readonly reason: string;
}

export interface Provider {
  /** Where a flow begins. */
  addressOf(flow: Flow): Promise<{ kind: 'address'; url: URL } | Unavailable>;
  /**
   * What the provider vouches for, at the end of a flow. `query`: what the browser was sent back with. `denied`: the
   * provider says no. `invalid`: what was sent is not this flow's, was used, or is not the provider's.
   */
  claimsOf(
    flow: Flow,
    query: string,
  ): Promise<
    | { kind: 'claims'; subject: string; claims: Claims }
    | { kind: 'denied'; error: string; description: string | undefined }
    | { kind: 'invalid'; reason: string }
    | Unavailable
  >;
}

/** For each request to it; an end of a flow makes up to three. */
const TIMEOUT_S = 5;
/** For how long what it says of itself is not asked for again. Its signing keys are, when there is another one. */
const KNOWN_FOR_MS = 3_600_000;
/** What the library says of an answer or a token that is not as it must be. */
const INVALID = new Set<string | undefined>([
  'OAUTH_INVALID_RESPONSE',
  'OAUTH_JWT_CLAIM_COMPARISON_FAILED',
  'OAUTH_JWT_TIMESTAMP_CHECK_FAILED',
  'OAUTH_KEY_SELECTION_FAILED',
]);
/** OpenID Connect Core 1.0, section 2. */
const SUBJECT = /^[\x20-\x7e]{1,255}$/;

export function createProvider(settings: OidcSettings): Provider {
  let known: { configuration: Promise<Configuration>; untilMs: number } | undefined;

  /** What it says of itself, asked for once by all who want it at the same time. */
  function configure(): Promise<Configuration> {
    if (known && performance.now() < known.untilMs) return known.configuration;
    const configuration = discover(settings);
    const asked = { configuration, untilMs: performance.now() + KNOWN_FOR_MS };
    known = asked;
    configuration.catch(() => {
      if (known === asked) known = undefined;
    });
    return configuration;
  }

  return {
    async addressOf({ state, nonce, pkce_verifier, redirect_uri }) {
      try {
        const url = buildAuthorizationUrl(await configure(), {
          redirect_uri,
          scope: settings.scopes,
          state,
          nonce,
          code_challenge: await calculatePKCECodeChallenge(pkce_verifier),
          code_challenge_method: 'S256',
        });
        return { kind: 'address', url };
      } catch (error) {
        return { kind: 'unavailable', reason: reasonOf(error) };
      }
    },
    async claimsOf({ state, nonce, pkce_verifier, redirect_uri }, query) {
      try {
        const answered = new URL(redirect_uri);
        answered.search = query;
        const tokens = await authorizationCodeGrant(await configure(), answered, {
          expectedState: state,
          expectedNonce: nonce,
          pkceCodeVerifier: pkce_verifier,
          idTokenExpected: true,
        });
        const claims = tokens.claims();
        if (!claims || !SUBJECT.test(claims.sub)) return { kind: 'invalid', reason: 'no fit subject' };
        return { kind: 'claims', subject: claims.sub, claims };
      } catch (error) {
        return failureOf(error);
      }
    },
  };
}

function discover({ issuer, clientId, clientSecret }: OidcSettings): Promise<Configuration> {
  const url = new URL(issuer);
  const execute = [enableNonRepudiationChecks];
  if (url.protocol === 'http:') execute.push(allowInsecureRequests);
  const prove = clientSecret === undefined ? None() : withSecret(clientSecret);
  return discovery(url, clientId, undefined, prove, { execute, timeout: TIMEOUT_S });
}

/** In the way that every provider has to know, unless this one says that it does not. */
function withSecret(secret: string): ClientAuth {
  const [basic, post] = [ClientSecretBasic(secret), ClientSecretPost(secret)];
  return (server, ...rest) => (takesBasic(server) ? basic : post)(server, ...rest);
}

function takesBasic({ token_endpoint_auth_methods_supported: methods }: ServerMetadata): boolean {
  return methods === undefined || methods.includes('client_secret_basic');
}

function failureOf(error: unknown): Exclude<Awaited<ReturnType<Provider['claimsOf']>>, { kind: 'claims' }> {
  if (error instanceof AuthorizationResponseError) {
    return { kind: 'denied', error: error.error, description: error.error_description };
  }
  const isUsed = error instanceof ResponseBodyError && error.error === 'invalid_grant';
  const isInvalid = error instanceof ClientError && INVALID.has(error.code);
  return { kind: isUsed || isInvalid ? 'invalid' : 'unavailable', reason: reasonOf(error) };
}

/** Without what was sent or answered, which may have secrets in it. */
function reasonOf(error: unknown): string {
  if (error instanceof ResponseBodyError) return `${error.status} ${error.error}`;
  if (!(error instanceof Error)) return 'unknown';
  const { message, cause } = error;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}
