import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A client of the provider. */
export const TEST_CLIENT = { id: 'errand-console', secret: 'a-client-secret-for-tests' };
/** One without a secret. */
export const TEST_PUBLIC_CLIENT = 'errand-console-public';

/** Of all that the provider gives away. */
const LIFE_S = 600;

/** A real OpenID provider on this machine, whose login form takes any password. */
export interface OpenidProvider extends AsyncDisposable {
  /** On another site than pages at 127.0.0.1, as browsers see it. */
  readonly issuer: string;
  /** From then on it answers, and sends people back to these addresses. */
  serve(redirectUris: readonly string[]): Promise<void>;
  /**
   * Goes where a sign-in begins, and fills in the login form; without a login, cancels it. Resolves with the address
   * that the browser is sent back to.
   */
  visit(url: string, login: string | undefined): Promise<URL>;
}

/** `people`: what ID tokens say of somebody beside `sub`, by login. */
export async function startOpenidProvider(
  people: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
): Promise<OpenidProvider> {
  let handle: RequestListener = (_, response) => response.writeHead(503).end();
  const server = createServer((request, response) => handle(request, response));
  server.listen(0, 'localhost');
  await once(server, 'listening');
  const issuer = `http://localhost:${(server.address() as AddressInfo).port}`;
  return {
    issuer,
    async serve(redirectUris) {
      // Few tests need it, and it takes its time to load.
      const { Provider } = await import('oidc-provider');
      const client = { redirect_uris: [...redirectUris], grant_types: ['authorization_code'] };
      const provider = new Provider(issuer, {
        clients: [
          { client_id: TEST_CLIENT.id, client_secret: TEST_CLIENT.secret, ...client },
          { client_id: TEST_PUBLIC_CLIENT, token_endpoint_auth_method: 'none', ...client },
        ],
        claims: { openid: ['sub', ...new Set(Object.values(people).flatMap(Object.keys))] },
        conformIdTokenClaims: false,
        ttl: { AccessToken: LIFE_S, Grant: LIFE_S, IdToken: LIFE_S, Interaction: LIFE_S, Session: LIFE_S },
        cookies: { keys: ['a-cookie-key-for-tests'] },
        findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
        // Nobody is asked for consent.
        async loadExistingGrant({ oidc }) {
          const { clientId } = oidc.client ?? {};
          const { accountId } = oidc.session ?? {};
          if (clientId === undefined || accountId === undefined) return undefined;
          const grant = new provider.Grant({ clientId, accountId });
          grant.addOIDCScope('openid');
          await grant.save();
          return grant;
        },
      });
      handle = provider.callback();
    },
    visit: (url, login) => visit(issuer, new URL(url), login),
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function visit(issuer: string, from: URL, login: string | undefined): Promise<URL> {
  const cookies = new Map<string, string>();
  let [url, form] = [from, undefined as URLSearchParams | undefined];
  for (;;) {
    const response = await fetch(url, {
      method: form ? 'POST' : 'GET',
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form ? { body: form } : {}),
    });
    for (const [pair = ''] of response.headers.getSetCookie().map((each) => each.split(';'))) {
      cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
    }
    const location = response.headers.get('location');
    if (location !== null) {
      url = new URL(location, url);
      form = undefined;
      if (url.origin !== issuer) return url;
    } else {
      const text = await response.text();
      if (!response.ok) throw new Error(`the provider answered ${response.status}: ${text}`);
      if (login === undefined) url = new URL(`${url.pathname}/abort`, url);
      else form = new URLSearchParams({ prompt: 'login', login, password: 'any' });
    }
  }
}
