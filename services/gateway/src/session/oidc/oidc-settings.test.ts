import { ConfigError, parseConfig } from '@errand/runtime';
import { expect, test } from 'vitest';
import { OIDC_SETTINGS, oidcSettingsOf } from './oidc-settings.ts';

const SET = {
  ERRAND_OIDC_ISSUER: 'https://id.example.org/realms/a',
  ERRAND_OIDC_CLIENT_ID: 'console',
  ERRAND_OIDC_ADMIN_CLAIM: 'groups=cn=admins,ou=errand',
};
const read = (env: Record<string, string>) => oidcSettingsOf(parseConfig(OIDC_SETTINGS, env));

test('without settings nobody signs in at a provider', () => {
  expect(read({})).toBeUndefined();
});

test('an issuer, a client and a claim are enough', () => {
  expect(read(SET)).toMatchObject({
    issuer: 'https://id.example.org/realms/a',
    clientSecret: undefined,
    scopes: 'openid',
    label: 'SSO',
    rules: { admin: { name: 'groups', value: 'cn=admins,ou=errand' }, tenants: undefined },
  });
});

test('sessions end with a change of what gives rights, and not of the secret or the label', () => {
  const digestOf = (change: Record<string, string>) => read({ ...SET, ...change })?.digest;
  const digest = digestOf({});
  expect(digestOf({ ERRAND_OIDC_CLIENT_SECRET: 'x', ERRAND_OIDC_LABEL: 'y' })).toBe(digest);
  for (const change of [
    { ERRAND_OIDC_ISSUER: 'https://id.example.org' },
    { ERRAND_OIDC_CLIENT_ID: 'another' },
    { ERRAND_OIDC_ADMIN_CLAIM: 'groups=others' },
    { ERRAND_OIDC_TENANT_CLAIM: 'tenants' },
  ]) {
    expect(digestOf(change)).not.toBe(digest);
  }
});

test.each([
  ['no issuer', { ERRAND_OIDC_ISSUER: '' }, 'ERRAND_OIDC_ISSUER is not set'],
  ['no client', { ERRAND_OIDC_CLIENT_ID: '' }, 'needs ERRAND_OIDC_CLIENT_ID'],
  ['no claim', { ERRAND_OIDC_ADMIN_CLAIM: '' }, 'nobody may sign in'],
  ['no openid', { ERRAND_OIDC_SCOPES: 'profile' }, 'must have openid'],
  ['http elsewhere', { ERRAND_OIDC_ISSUER: 'http://id.example.org' }, 'must be a URL with https'],
  ['no URL', { ERRAND_OIDC_ISSUER: 'id.example.org' }, 'must be a URL with https'],
  ['a claim without a value', { ERRAND_OIDC_ADMIN_CLAIM: 'groups' }, 'must be a claim and its value'],
])('%s is a mistake that is named', (_, change, said) => {
  expect(() => read({ ...SET, ...change })).toThrow(ConfigError);
  expect(() => read({ ...SET, ...change })).toThrow(said);
});

test('http is for this machine', () => {
  expect(read({ ...SET, ERRAND_OIDC_ISSUER: 'http://localhost:9000' })?.issuer).toBe('http://localhost:9000');
});
