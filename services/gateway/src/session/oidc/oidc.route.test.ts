import { createSecretBox } from '@errand/runtime';
import { Hono } from 'hono';
import { expect, test } from 'vitest';
import { Refusal } from '../../http/problem.ts';
import type { Env, Exchange } from '../../http/request-log.ts';
import type { SessionGroup } from '../session-group.ts';
import { endOidcSignIn } from './oidc.route.ts';
import type { OidcGroup } from './open-oidc.ts';
import type { Provider } from './provider.ts';
import { createSignInFlows } from './sign-in-flow.ts';

/* What no provider does that keeps to its protocol; `test/oidc.int.test.ts` has one that does. */

const HOST = 'errand.example.org';
type Answer = Awaited<ReturnType<Provider['claimsOf']>>;

/** The end of sign-ins at a provider that answers each of them with the same. */
function signIns(answer: Answer) {
  const box = createSecretBox(Buffer.alloc(32, 1).toString('base64'));
  const used = new Set<string>();
  const spent = { create: async (id: string) => !used.has(id) && used.add(id).size > 0 };
  const flows = createSignInFlows({ of: 'settings', box, spent, now: () => 0 });
  const begun = flows.begin({ host: HOST, redirectUri: `https://${HOST}/console/sign-in` });
  const deps = {
    http: { maxBodyBytes: 1_000, bodyTimeoutMs: 1_000 },
    session: {
      sessions: { begin: () => ({ cookie: 'session=x', endsMs: 1 }) },
      whoIs: async ({ person }: { person: object }) => ({ keyId: 'p', person, endsMs: 1 }),
      now: () => 0,
    } as unknown as SessionGroup['session'],
    oidc: {
      settings: { issuer: 'https://id.example.org', rules: { admin: undefined, tenants: 'tenants' } },
      provider: { claimsOf: async () => answer },
      flows,
      tenants: { find: () => ({}) },
    } as unknown as OidcGroup['oidc'],
  };
  const exchange = {} as Exchange;
  const app = new Hono<Env>();
  app.post('/', endOidcSignIn.handle(deps));
  app.onError((error, c) => c.json(error instanceof Refusal ? error.code : String(error), 400));
  const end = async () => {
    const request = new Request(`https://${HOST}/`, {
      method: 'POST',
      headers: {
        host: HOST,
        cookie: begun.cookie.split(';')[0] ?? '',
        'sec-fetch-site': 'same-origin',
        'errand-console': '1',
        'content-type': 'application/json',
      },
      body: JSON.stringify({ query: `code=c&state=${begun.flow.state}` }),
    });
    const response = await app.fetch(request, exchange);
    return response.ok ? response.status : await response.json();
  };
  return { end, exchange };
}

test('an answer begins one session, also of a provider that takes its code again', async () => {
  const { end } = signIns({ kind: 'claims', subject: 's', claims: { tenants: 'acme' } });
  expect(await end()).toBe(200);
  expect(await end()).toBe('unauthorized');
});

test('a provider that is away at the end may be asked again, and the log says what it said', async () => {
  const { end, exchange } = signIns({ kind: 'unavailable', reason: '500 server_error' });
  expect([await end(), await end()]).toEqual(['provider_unavailable', 'provider_unavailable']);
  expect(exchange.reason).toBe('500 server_error');
});
