import { hash } from 'node:crypto';
import { ConfigError, type ConfigOf, type Setting, secret, text } from '@errand/runtime';
import { z } from 'zod';
import type { ClaimRules } from './roles-of-claims.ts';

/* Signing in at an OpenID provider. Without an issuer there is no such thing: no route, no button. */

const THIS_MACHINE = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** What need not be set: `none`, the default, is undefined. */
function optional<T>(
  about: { env: string; description: string },
  schema: z.ZodType<T>,
): Setting<T | undefined> {
  const unlessNone = z.string().transform((text, { addIssue }): T | undefined => {
    if (text === 'none') return undefined;
    const { data, error } = schema.safeParse(text);
    if (error) addIssue(error.issues[0]?.message ?? 'is not valid');
    return data;
  });
  return { ...about, default: 'none', schema: unlessNone };
}

export const OIDC_SETTINGS = {
  oidcIssuer: optional(
    {
      env: 'ERRAND_OIDC_ISSUER',
      description: 'URL of the OpenID provider at which people may sign in to the console',
    },
    z.string().refine(isIssuer, 'must be a URL with https, or with http on this machine'),
  ),
  oidcClientId: optional(
    { env: 'ERRAND_OIDC_CLIENT_ID', description: 'What the OpenID provider knows the console by' },
    z.string(),
  ),
  oidcClientSecret: {
    ...secret({
      env: 'ERRAND_OIDC_CLIENT_SECRET',
      description: 'Secret of the client at the OpenID provider; none for a public client',
      schema: z.string(),
    }),
    default: 'none',
  },
  oidcScopes: text({
    env: 'ERRAND_OIDC_SCOPES',
    description: 'Scopes that the OpenID provider is asked for, separated by spaces, with openid among them',
    default: 'openid',
  }),
  oidcLabel: text({
    env: 'ERRAND_OIDC_LABEL',
    description: 'Name of the OpenID provider on the sign-in button of the console',
    default: 'SSO',
  }),
  oidcAdminClaim: optional(
    {
      env: 'ERRAND_OIDC_ADMIN_CLAIM',
      description:
        'Claim of the ID token and its value, or one of its values, of admins: groups=errand-admins',
    },
    z
      .string()
      .regex(/^[^=]+=./, 'must be a claim and its value, such as groups=errand-admins')
      .transform((rule) => ({
        name: rule.slice(0, rule.indexOf('=')),
        value: rule.slice(rule.indexOf('=') + 1),
      })),
  ),
  oidcTenantClaim: optional(
    {
      env: 'ERRAND_OIDC_TENANT_CLAIM',
      description:
        'Claim of the ID token that lists tenants, each as tenant or tenant:role, with a role of viewer (the default), operator or owner',
    },
    z.string(),
  ),
};

/** Where people sign in, and what they may do. */
export interface OidcSettings {
  readonly issuer: string;
  readonly clientId: string;
  /** Undefined for a public client. */
  readonly clientSecret: string | undefined;
  readonly scopes: string;
  readonly label: string;
  readonly rules: ClaimRules;
  /** Of all that decides what a session may do. */
  readonly digest: string;
}

/** Undefined where nobody signs in at a provider. @throws ConfigError for settings that contradict each other */
export function oidcSettingsOf(config: ConfigOf<typeof OIDC_SETTINGS>): OidcSettings | undefined {
  const { oidcIssuer: issuer, oidcClientId: clientId, oidcScopes: scopes, oidcLabel: label } = config;
  const rules = { admin: config.oidcAdminClaim, tenants: config.oidcTenantClaim };
  if (issuer === undefined) {
    if (clientId === undefined && !rules.admin && rules.tenants === undefined) return undefined;
    throw new ConfigError('ERRAND_OIDC_ISSUER is not set, but other settings of the OpenID provider are');
  }
  if (clientId === undefined) throw new ConfigError('ERRAND_OIDC_ISSUER needs ERRAND_OIDC_CLIENT_ID');
  if (!rules.admin && rules.tenants === undefined) {
    throw new ConfigError(
      'ERRAND_OIDC_ISSUER needs ERRAND_OIDC_ADMIN_CLAIM or ERRAND_OIDC_TENANT_CLAIM: without, nobody may sign in',
    );
  }
  if (!scopes.split(' ').includes('openid')) {
    throw new ConfigError('ERRAND_OIDC_SCOPES must have openid: without, the provider sends no ID token');
  }
  const clientSecret = config.oidcClientSecret === 'none' ? undefined : config.oidcClientSecret;
  const digest = hash('sha256', JSON.stringify([issuer, clientId, rules.admin, rules.tenants]), 'hex');
  return { issuer, clientId, clientSecret, scopes, label, rules, digest };
}

function isIssuer(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, search, hash: fragment, username } = new URL(text);
  if (search !== '' || fragment !== '' || username !== '') return false;
  return protocol === 'https:' || (protocol === 'http:' && THIS_MACHINE.test(hostname));
}
