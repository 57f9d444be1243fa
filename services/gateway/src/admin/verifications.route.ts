import { EventId, Verification, VerifyReport, VerifyRequest } from '@errand/contracts';
import { z } from 'zod';
import { EmptyBody, parseBody, parseEmptyBody } from '../http/body-errors.ts';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { type HttpGroup, readOptionalJsonObject } from '../http/read-body.ts';
import { refuseUnknownParameters } from '../http/read-query.ts';
import { answer } from '../http/respond.ts';
import { json, jsonBody } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import { named } from '../openapi/schemas.ts';
import type { AdminGroup } from './admin-group.ts';

named('VerifyReport', VerifyReport);
named('Verification', Verification);

const VERIFICATIONS = '/admin/verifications';
const VERIFICATION = `${VERIFICATIONS}/{verification_id}`;

const Wanted = z.strictObject(VerifyRequest.partial().shape);

/** 202 once it is stored; it survives the end of any process. */
export const startVerification = defineRoute({
  method: 'post',
  path: VERIFICATIONS,
  key: 'admin',
  id: 'startVerification',
  tag: 'Administration',
  summary: 'Compare everything with the log',
  description:
    'Rows, deliveries, configuration and the log itself, while everything goes on: jobs of the last 7 days, or those requested since a time; of all tenants, or of one.',
  body: jsonBody(Wanted, { required: false, example: { tenant_id: 'acme' } }),
  answers: { 202: json('It is noted down.', Verification, { headers: ['Location'] }) },
  problems: ['verification_running', 'log_unavailable'],
  handle:
    ({ http, admin: { bus } }: HttpGroup & AdminGroup) =>
    async (c) => {
      const { since = null, tenant_id = null } = parseBody(
        Wanted,
        (await readOptionalJsonObject(c, http)).body,
      );
      const asked = await bus.commands.askProjection('verify', { since, tenant_id });
      if (asked.kind !== 'known') throw new Refusal('verification_running');
      const location = `${VERIFICATIONS}/${asked.verification.verification_id}`;
      return answer(c, { status: 202, body: asked.verification, headers: { location } });
    },
});

export const listVerifications = defineRoute({
  method: 'get',
  path: VERIFICATIONS,
  key: 'admin',
  id: 'listVerifications',
  tag: 'Administration',
  summary: 'Verifications',
  description: 'The newest 20, newest first, without their reports.',
  answers: { 200: json('All that are kept.', z.object({ verifications: z.array(Verification) })) },
  problems: ['invalid_input', 'log_unavailable'],
  handle:
    ({ admin: { bus } }: AdminGroup) =>
    async (c) => {
      refuseUnknownParameters(c, []);
      const { verifications } = await bus.commands.askProjection('verifications', {});
      return answer(c, { status: 200, body: { verifications } });
    },
});

export const getVerification = defineRoute({
  method: 'get',
  path: VERIFICATION,
  key: 'admin',
  id: 'getVerification',
  tag: 'Administration',
  summary: 'A verification',
  description: 'How it stands; once it is done, with what does not hold.',
  parameters: [parameters.verificationId],
  answers: { 200: json('The verification.', Verification) },
  problems: ['unknown_verification', 'log_unavailable'],
  handle:
    ({ admin: { bus } }: AdminGroup) =>
    async (c) => {
      const verification_id = idOf(c.req.param('verification_id'));
      const asked = await bus.commands.askProjection('verification', { verification_id });
      if (asked.kind !== 'known') throw new Refusal('unknown_verification');
      return answer(c, { status: 200, body: asked.verification });
    },
});

export const cancelVerification = defineRoute({
  method: 'post',
  path: `${VERIFICATION}/cancel`,
  key: 'admin',
  id: 'cancelVerification',
  tag: 'Administration',
  summary: 'End a verification',
  description: 'It ends without a report.',
  parameters: [parameters.verificationId],
  body: jsonBody(EmptyBody, { required: false }),
  answers: { 200: json('The verification.', Verification) },
  problems: ['unknown_verification', 'verification_ended', 'log_unavailable'],
  handle:
    ({ http, admin: { bus } }: HttpGroup & AdminGroup) =>
    async (c) => {
      parseEmptyBody((await readOptionalJsonObject(c, http)).body);
      const verification_id = idOf(c.req.param('verification_id'));
      const asked = await bus.commands.askProjection('cancel_verification', { verification_id });
      if (asked.kind === 'ended') throw new Refusal('verification_ended');
      if (asked.kind !== 'known') throw new Refusal('unknown_verification');
      return answer(c, { status: 200, body: asked.verification });
    },
});

/** @throws Refusal unknown_verification */
function idOf(sent: string | undefined): string {
  const { data } = EventId.safeParse(sent);
  if (data === undefined) throw new Refusal('unknown_verification');
  return data;
}
