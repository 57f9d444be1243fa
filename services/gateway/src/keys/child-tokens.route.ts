import { Instant, JobId, KEY_SCOPES } from '@errand/contracts';
import { z } from 'zod';
import { parseBody } from '../http/body-errors.ts';
import { defineRoute } from '../http/define-route.ts';
import { isWithin } from '../http/key-limits.ts';
import { Refusal } from '../http/problem.ts';
import { type HttpGroup, readJsonObject } from '../http/read-body.ts';
import { answer } from '../http/respond.ts';
import { findJob } from '../jobs/find-job.ts';
import { readJobQuery } from '../jobs/job-query.ts';
import type { JobsGroup } from '../jobs/jobs-group.ts';
import { json, jsonBody } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import { named } from '../openapi/schemas.ts';
import { ownKeyOf } from './child-rights.ts';
import { foreignIn } from './key-rights.ts';
import type { KeysGroup } from './keys-group.ts';

const DEFAULT_TTL_S = 900;
const MAX_TTL_S = 86_400;

/** Without those for what outlives a token. */
const ChildScope = z.enum(KEY_SCOPES).exclude(['keys:write', 'schedules:write']);

const TokenBody = named(
  'ChildTokenRequest',
  z.strictObject({
    scopes: z.array(ChildScope).min(1).max(ChildScope.options.length),
    ttl_s: z
      .int()
      .min(1)
      .max(MAX_TTL_S)
      .optional()
      .meta({ description: `Seconds until it ends. Default: ${DEFAULT_TTL_S}.` }),
    job_id: JobId.optional().meta({ description: 'The only job that it is for.' }),
  }),
);
const TokenAnswer = named(
  'ChildToken',
  z.object({
    token: z.string(),
    scopes: z.array(ChildScope),
    job_id: JobId.optional(),
    expires_at: Instant,
  }),
);

/** A token for less than its key and for a while, such as for a browser that follows one job. */
export const createChildToken = defineRoute({
  method: 'post',
  path: '/v2/tenants/{tenant_id}/tokens',
  key: 'tenant',
  scope: 'keys:write',
  keyLimits: 'kept',
  query: 'none',
  id: 'createChildToken',
  tag: 'Tokens',
  summary: 'Make a child token',
  description:
    'It may do some of what its key may, for a while. It ends with its key, at the latest, and is stored nowhere.',
  parameters: [parameters.tenantId],
  body: jsonBody(TokenBody, { example: { scopes: ['jobs:read'], ttl_s: 600 } }),
  answers: { 201: json('The token.', TokenAnswer) },
  problems: ['unknown_job', 'job_expired', 'history_out_of_reach', 'log_unavailable'],
  handle:
    ({ http, jobs, keys: { makeChild } }: HttpGroup & JobsGroup & KeysGroup) =>
    async (c, caller) => {
      const { tenantId, only } = caller;
      const key = ownKeyOf(caller);
      const {
        scopes,
        ttl_s = DEFAULT_TTL_S,
        job_id: sent,
      } = parseBody(TokenBody, (await readJsonObject(c, http)).body);
      const errors = foreignIn('scopes', scopes, key.scopes);
      if (errors.length > 0) throw new Refusal('invalid_input', { errors });
      if (sent !== undefined) {
        const { jobId } = readJobQuery({ jobId: sent }, jobs.now());
        const state = await findJob(jobs, { tenantId, jobId, action: undefined, minVersion: 0 });
        if (!isWithin(state, only)) throw new Refusal('unknown_job');
      }
      const keyEndsMs = key.expires_at === undefined ? Number.POSITIVE_INFINITY : Date.parse(key.expires_at);
      const ends_ms = Math.min(jobs.now() + ttl_s * 1_000, keyEndsMs);
      const about = { scopes, ...(sent === undefined ? {} : { job_id: sent }) };
      return answer(c, {
        status: 201,
        body: {
          token: makeChild(key.id, { ...about, ends_ms }),
          ...about,
          expires_at: new Date(ends_ms).toISOString(),
        },
      });
    },
});
