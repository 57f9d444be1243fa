import { ActionName, EventId, JobId, PortalSessionId, TenantId } from '@errand/contracts';
import { z } from 'zod';
import { inHeader, inPath, inQuery, type Parameter } from './operation.ts';
import { type Schema, schemaOf } from './schemas.ts';

/* Parameters that several operations take. */

export const TENANT = '/v2/tenants/{tenant_id}';
export const tenantId = inPath('tenant_id', "The tenant's id.", TenantId);
export const jobId = inPath('job_id', "The job's id.", JobId);
export const actionName = inPath('name', "The action's name.", ActionName);
/** What an endpoint's id looks like. */
export const endpointId = inPath('endpoint_id', "The endpoint's id.", z.string().min(1).max(100));
export const deliveryId = inPath('delivery_id', '`<event_id>.<endpoint_id>`', z.string().min(1).max(200));
export const replayId = inPath('replay_id', "The replay's id.", EventId);
export const portalSessionId = inPath('session_id', "The session's id.", PortalSessionId);
export const bulkId = inPath('bulk_id', "The bulk action's id.", EventId);
export const verificationId = inPath('verification_id', "The verification's id.", EventId);
export const tenantInQuery = inQuery('tenant', 'Only of this tenant.', schemaOf(TenantId));

export const instant: Schema = { type: 'string', format: 'date-time' };
export const wholeNumber: Schema = { type: 'integer', minimum: 0, maximum: 999_999_999_999_999 };

export function listOf(
  name: string,
  description: string,
  items: { readonly enum: readonly string[] } | Schema,
): Parameter {
  const schema = { type: 'array', items: { type: 'string', ...items }, minItems: 1 };
  return { name, in: 'query', description, schema, isList: true };
}

export function limit(max: number, standard: number): Parameter {
  const schema = { type: 'integer', minimum: 1, maximum: max, default: standard };
  return inQuery('limit', 'The most entries of a page.', schema);
}

export const cursor = inQuery('cursor', 'The `next_cursor` of the page before.', {
  type: 'string',
  pattern: '^[A-Za-z0-9_-]{22}$',
});
export const wait = inQuery('wait', 'Seconds to wait for, 0-60; more count as 60.', {
  type: 'integer',
  minimum: 0,
  maximum: 999_999_999,
});
export const minVersion = inQuery('min_version', 'A version that the caller has seen already.', wholeNumber);
export const jobIdInQuery: Parameter = { ...jobId, in: 'query' };
export const neededJobId: Parameter = { ...jobIdInQuery, required: true };
export const validateOnly = inQuery('validate_only', 'Whether the request is checked and nothing is done.', {
  type: 'boolean',
});
export const idempotencyKey: Parameter = inHeader(
  'Idempotency-Key',
  'Remembered for 7 days: the same request gets the same answer. 1-255 visible ASCII characters, bare or as a ' +
    'quoted string.',
  { type: 'string', minLength: 1, maxLength: 512 },
);
export const prefer = inHeader(
  'Prefer',
  '`wait=n` holds the answer back until the job has ended, for at most n seconds (0-60).',
);
export const traceparent = inHeader('traceparent', 'W3C Trace Context, handed on to whatever runs the job.');
export const ifNoneMatch = inHeader('If-None-Match', 'Tags that the caller has: 304 if it is one of them.');
export const lastEventId = inHeader('Last-Event-ID', 'Where a stream goes on; outdoes `after`.');
