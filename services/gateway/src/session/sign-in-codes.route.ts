import { Instant, SIGN_IN_CODE_MAX_S } from '@errand/contracts';
import { z } from 'zod';
import { parseBody } from '../http/body-errors.ts';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { type HttpGroup, readOptionalJsonObject } from '../http/read-body.ts';
import { answer } from '../http/respond.ts';
import { json, jsonBody } from '../openapi/operation.ts';
import { named } from '../openapi/schemas.ts';
import type { SessionGroup } from './session-group.ts';

const DEFAULT_TTL_S = 600;

const CodeBody = named(
  'SignInCodeRequest',
  z.strictObject({
    ttl_s: z
      .int()
      .min(1)
      .max(SIGN_IN_CODE_MAX_S)
      .optional()
      .meta({ description: `Seconds until it ends. Default: ${DEFAULT_TTL_S}.` }),
  }),
);
const CodeAnswer = named('SignInCode', z.object({ code: z.string(), path: z.string(), expires_at: Instant }));

export const createSignInCode = defineRoute({
  method: 'post',
  path: '/admin/sign-in-codes',
  key: 'admin',
  id: 'createSignInCode',
  tag: 'Administration',
  summary: 'Make a link that signs in to the console once',
  description: 'Its session has the rights of the admin key, for an hour.',
  body: jsonBody(CodeBody, { required: false, example: { ttl_s: 60 } }),
  answers: { 201: json("The code, and the console's path with it.", CodeAnswer) },
  problems: ['forbidden'],
  handle:
    ({ http, session: { codes, codesOf } }: HttpGroup & SessionGroup) =>
    async (c) => {
      // A session that could make another one would never end.
      if (!c.req.header('authorization')) {
        throw new Refusal('forbidden', { detail: 'A session makes no sign-in codes. Send the admin key.' });
      }
      const { ttl_s = DEFAULT_TTL_S } = parseBody(CodeBody, (await readOptionalJsonObject(c, http)).body);
      const { code, endsMs } = codes.make(codesOf, ttl_s * 1_000);
      // Browsers do not send what is behind the #.
      const path = `/console/sign-in#code=${code}`;
      return answer(c, { status: 201, body: { code, path, expires_at: new Date(endsMs).toISOString() } });
    },
});
