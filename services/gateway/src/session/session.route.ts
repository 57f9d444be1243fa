import { z } from 'zod';
import { parseBody } from '../http/body-errors.ts';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { type HttpGroup, readJsonObject } from '../http/read-body.ts';
import { answer, answerEmpty } from '../http/respond.ts';
import { ADMIN, type Token } from '../http/tokens.ts';
import { json, jsonBody } from '../openapi/operation.ts';
import { named } from '../openapi/schemas.ts';
import { assertOwnPage } from './own-page.ts';
import type { SessionGroup } from './session-group.ts';
import { SessionView, sessionView } from './session-view.ts';

const SessionBody = named(
  'SessionRequest',
  z.union([
    z.strictObject({ api_key: z.string().min(1).max(1_024) }),
    z.strictObject({ code: z.string().min(1).max(1_024) }),
  ]),
);
/** Anybody may send one, and nobody's pace holds it. */
const MAX_BODY_BYTES = 4_096;

export const beginSession = defineRoute({
  method: 'post',
  path: '/session',
  key: 'none',
  id: 'beginSession',
  tag: 'Service',
  summary: 'Begin a session of the console',
  description:
    'Sets a cookie that stands for the key, for at most 12 hours, or one with the admin key. It ends when the key does.',
  body: jsonBody(SessionBody),
  answers: { 200: json('Whose session it is.', SessionView) },
  problems: ['unauthorized', 'forbidden', 'log_unavailable'],
  handle:
    ({ http, session: { sessions, codes, codesOf, tokens, whoIs, now } }: HttpGroup & SessionGroup) =>
    async (c) => {
      assertOwnPage(c);
      const sent = parseBody(
        SessionBody,
        (await readJsonObject(c, { ...http, maxBodyBytes: MAX_BODY_BYTES })).body,
      );
      const token = 'code' in sent ? await ofCode(sent.code) : tokens.read(`Bearer ${sent.api_key}`);
      if (!token) throw new Refusal('unauthorized', { detail: 'The key or code is not valid.' });
      const who = await whoIs(token);
      const at = { host: c.req.header('host') ?? '', nowMs: now(), endsMs: who.endsMs };
      const { cookie, endsMs } = sessions.begin(token, at);
      return answer(c, { status: 200, body: sessionView(who, endsMs), headers: { 'set-cookie': cookie } });

      async function ofCode(code: string): Promise<Token | undefined> {
        return (await codes.use(codesOf, code)) ? { keyId: ADMIN } : undefined;
      }
    },
});

export const getSession = defineRoute({
  method: 'get',
  path: '/session',
  key: 'none',
  id: 'getSession',
  tag: 'Service',
  summary: 'Whose session this is',
  description: 'Of the cookie, or of the key in the Authorization header.',
  answers: {
    200: json('Whose session it is.', SessionView),
    204: { description: 'There is none, or none any more.' },
  },
  problems: ['log_unavailable'],
  handle:
    ({ session: { sessions, tokens, whoIs } }: SessionGroup) =>
    async (c) => {
      const token = tokens.read(c.req.header('authorization')) ?? sessions.read(c.req.raw);
      const who = token && (await whoIs(token).catch(nobody));
      if (!who) return answerEmpty(c, 204);
      return answer(c, { status: 200, body: sessionView(who, who.endsMs) });
    },
});

export const endSession = defineRoute({
  method: 'delete',
  path: '/session',
  key: 'none',
  id: 'endSession',
  tag: 'Service',
  summary: 'End the session of this browser',
  description: 'On every gateway. Only the console ends one.',
  answers: { 204: { description: 'It is over, wherever its cookie is.' } },
  problems: ['forbidden', 'log_unavailable'],
  handle:
    ({ session: { sessions } }: SessionGroup) =>
    async (c) => {
      assertOwnPage(c);
      await sessions.end(c.req.raw);
      return answerEmpty(c, 204, { 'set-cookie': sessions.clear(c.req.header('host') ?? '') });
    },
});

/** A token of a key that is gone is as none. */
function nobody(error: unknown): undefined {
  if (!(error instanceof Refusal && error.code === 'unauthorized')) throw error;
}
