import { z } from 'zod';
import { parseBody } from '../../http/body-errors.ts';
import { defineRoute } from '../../http/define-route.ts';
import { type Membership, type Person, personId } from '../../http/person.ts';
import { Refusal } from '../../http/problem.ts';
import { type HttpGroup, readJsonObject } from '../../http/read-body.ts';
import type { Ctx } from '../../http/request-log.ts';
import { answer } from '../../http/respond.ts';
import { ADMIN, type Token } from '../../http/tokens.ts';
import { json, jsonBody } from '../../openapi/operation.ts';
import { assertOwnPage } from '../own-page.ts';
import type { SessionGroup } from '../session-group.ts';
import { SessionView, sessionView } from '../session-view.ts';
import type { OidcGroup } from './open-oidc.ts';
import { type Claims, rolesOfClaims } from './roles-of-claims.ts';

/*
 * Signing in at a provider. The console's page asks where to go, and goes there; the provider sends it back to the page,
 * which hands over what it was sent back with. So no other page begins or ends a sign-in, and nothing here redirects.
 */

/** Of the console: where the provider sends people back to. */
const RETURN_PATH = '/console/sign-in';

/** Anybody may send one; codes of some providers are long. */
const MAX_BODY_BYTES = 16_384;
/** More do not fit into a cookie. */
const MAX_TENANTS = 20;
/** Of what a provider says of an error. */
const MAX_SAID = 200;
const OVER = 'This sign-in took too long, was used, or was begun in another browser. Sign in again.';

const OidcAnswer = z.strictObject({ query: z.string().min(1).max(MAX_BODY_BYTES) });

type Deps = HttpGroup & SessionGroup & OidcGroup;

export const beginOidcSignIn = defineRoute({
  method: 'post',
  path: '/session/oidc',
  key: 'none',
  id: 'beginOidcSignIn',
  tag: 'Service',
  summary: 'Begin to sign in at the OpenID provider',
  description:
    'Sets a cookie that ends the sign-in: in this browser, once, within ten minutes. Only the console begins one.',
  answers: {
    200: json('Where the browser has to go.', z.object({ url: z.url() })),
  },
  problems: ['forbidden', 'provider_unavailable'],
  handle:
    ({ oidc: { provider, flows, settings } }: Deps) =>
    async (c) => {
      assertOwnPage(c);
      const redirectUri = `${originOf(c)}${RETURN_PATH}`;
      const { flow, cookie } = flows.begin({ host: c.req.header('host') ?? '', redirectUri });
      const found = await provider.addressOf(flow);
      if (found.kind === 'unavailable') throw unavailable(c, settings.issuer, found.reason);
      return answer(c, { status: 200, body: { url: found.url.href }, headers: { 'set-cookie': cookie } });
    },
});

export const endOidcSignIn = defineRoute({
  method: 'post',
  path: '/session/oidc/answer',
  key: 'none',
  id: 'endOidcSignIn',
  tag: 'Service',
  summary: 'Begin a session of somebody who has signed in at the OpenID provider',
  description:
    'Takes the query that the provider sent the browser back with. Sets a cookie that stands for the person, with the roles that the ID token gives, for at most 12 hours, or one for an admin.',
  body: jsonBody(OidcAnswer),
  answers: { 200: json('Whose session it is.', SessionView) },
  problems: ['unauthorized', 'forbidden', 'provider_unavailable', 'log_unavailable'],
  handle: (deps: Deps) => async (c) => {
    assertOwnPage(c);
    const limits = { ...deps.http, maxBodyBytes: MAX_BODY_BYTES };
    const { query } = parseBody(OidcAnswer, (await readJsonObject(c, limits)).body);
    const token = await tokenOf(await readPerson(c, query, deps), deps);
    const { sessions, whoIs, now } = deps.session;
    const who = await whoIs(token);
    const at = { host: c.req.header('host') ?? '', nowMs: now(), endsMs: who.endsMs };
    const { cookie, endsMs } = sessions.begin(token, at);
    return answer(c, { status: 200, body: sessionView(who, endsMs), headers: { 'set-cookie': cookie } });
  },
});

/** Of the page that asks: browsers send it with every POST. @throws Refusal forbidden */
function originOf(c: Ctx): string {
  const origin = c.req.header('origin') ?? '';
  const url = URL.canParse(origin) ? new URL(origin) : undefined;
  if (url?.origin === origin && url.host === c.req.header('host')) return origin;
  const detail = "The request's Origin is not its Host. A proxy in front has to pass the Host header on.";
  throw new Refusal('forbidden', { detail });
}

/** Whom the provider vouches for. @throws Refusal unauthorized, forbidden, provider_unavailable; LogUnavailable */
async function readPerson(
  c: Ctx,
  query: string,
  { oidc: { flows, provider, settings } }: OidcGroup,
): Promise<{ subject: string; claims: Claims }> {
  const flow = flows.find(c.req.raw, new URLSearchParams(query).get('state'));
  if (!flow) throw new Refusal('unauthorized', { detail: OVER });
  const found = await provider.claimsOf(flow, query);
  switch (found.kind) {
    case 'claims':
      if (!(await flows.spend(flow))) throw new Refusal('unauthorized', { detail: OVER });
      return found;
    case 'denied': {
      const said = [found.error, ...(found.description ? [found.description] : [])].join(': ');
      throw new Refusal('forbidden', { detail: `The provider refused: ${said.slice(0, MAX_SAID)}` });
    }
    case 'invalid':
      c.env.reason = found.reason;
      throw new Refusal('unauthorized', {
        detail: 'The answer of the provider is not valid. Sign in again.',
      });
    case 'unavailable':
      throw unavailable(c, settings.issuer, found.reason);
  }
}

/** @throws Refusal forbidden for somebody without rights here */
async function tokenOf(
  { subject, claims }: { subject: string; claims: Claims },
  { oidc: { settings, tenants } }: OidcGroup,
): Promise<Token> {
  const { issuer, rules } = settings;
  const rights = rolesOfClaims(claims, rules);
  if (rights.kind === 'none') throw new Refusal('forbidden', { detail: rights.why });
  if (rights.kind === 'admin') return { keyId: ADMIN, person: { issuer, subject, memberships: [] } };
  const memberships: Membership[] = [];
  for (const each of rights.memberships) if (await tenants.find(each.tenant_id)) memberships.push(each);
  if (memberships.length === 0 || memberships.length > MAX_TENANTS) {
    const listed = rights.memberships.map(({ tenant_id }) => tenant_id).join(', ');
    const detail =
      memberships.length === 0
        ? `Your ID token names only tenants that are not here: ${listed.slice(0, MAX_SAID)}.`
        : `Your ID token names ${memberships.length} tenants; a session is for ${MAX_TENANTS} at most.`;
    throw new Refusal('forbidden', { detail });
  }
  const person: Person = { issuer, subject, memberships };
  return { keyId: personId(person), person };
}

function unavailable(c: Ctx, issuer: string, reason: string): Refusal {
  c.env.reason = reason;
  const detail = `The sign-in provider ${issuer} did not answer as it should. Try again, or sign in with a key.`;
  return new Refusal('provider_unavailable', { detail });
}
