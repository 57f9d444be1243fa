import {
  ActionName,
  ApiKey,
  JOB_EVENT_TYPES,
  RebuildProgress,
  Tenant,
  TenantId,
  VerifyReport,
} from '@errand/contracts';
import { z } from 'zod';
import { KeyBody } from '../admin/create-key.route.ts';
import { DeadLetterView } from '../admin/list-dead-letters.route.ts';
import { ExecutorsAnswer } from '../admin/list-executors.route.ts';
import { KeyUsageView } from '../load/key-usage.ts';
import { inPath, inQuery, json, jsonBody, type Operation } from './operation.ts';
import { instant, limit, listOf, tenantId, wholeNumber } from './parameters.ts';
import { named, schemaOf } from './schemas.ts';

named('Tenant', Tenant);
named('RebuildProgress', RebuildProgress);
named('VerifyReport', VerifyReport);
named('DeadLetter', DeadLetterView);
named('ApiKeyRequest', KeyBody);
const KeyView = named('ApiKey', ApiKey.extend({ key_id: z.string() }));

const shared = { tag: 'Administration', key: 'admin' } as const;
const REBUILD = '/admin/projections/job_summary/rebuild';
const tenantInQuery = inQuery('tenant', 'Only of this tenant.', schemaOf(TenantId));

export const adminOperations: Operation[] = [
  {
    ...{ ...shared, method: 'put', path: '/admin/tenants/{tenant_id}', id: 'putTenant' },
    summary: 'Make a tenant',
    description: 'One that is there stays as it is.',
    parameters: [tenantId],
    answers: { 200: json('It was there.', Tenant), 201: json('It is made.', Tenant) },
    problems: ['invalid_input', 'log_unavailable'],
  },
  {
    ...{ ...shared, method: 'post', path: '/admin/tenants/{tenant_id}/keys', id: 'createKey' },
    summary: 'Make an API key',
    description: 'The token is in this answer and nowhere else.',
    parameters: [tenantId],
    body: jsonBody(KeyBody, { example: { name: 'billing' } }),
    answers: { 201: json('The key.', KeyView.extend({ api_key: z.string() })) },
    problems: ['unknown_tenant', 'log_unavailable'],
  },
  {
    ...{ ...shared, method: 'get', path: '/admin/tenants/{tenant_id}/keys', id: 'listKeys' },
    summary: 'API keys of a tenant',
    description: 'Without their tokens, oldest first.',
    parameters: [tenantId],
    answers: { 200: json('The keys.', z.object({ keys: z.array(KeyView) })) },
    problems: ['unknown_tenant', 'log_unavailable'],
  },
  {
    ...{ ...shared, method: 'delete', path: '/admin/keys/{key_id}', id: 'deleteKey' },
    summary: 'Remove an API key',
    description: 'It stops at once here, and within a moment in every other gateway.',
    parameters: [inPath('key_id', "The key's id.", z.string().regex(/^[0-9a-f]{64}$/))],
    answers: { 204: { description: 'It is gone.' } },
    problems: ['unknown_key', 'log_unavailable'],
  },
  {
    ...{ ...shared, method: 'get', path: '/admin/usage', id: 'getKeyUsage' },
    summary: 'What keys cost',
    description:
      'The ten keys that cost this gateway most in the last one to two minutes, by time, bytes, requests or connections, and all others together.',
    answers: { 200: json('By key.', KeyUsageView) },
  },
  {
    ...{ ...shared, method: 'delete', path: '/admin/actions/{name}', id: 'deleteAction' },
    summary: 'Withdraw an action',
    description:
      'It takes no more runs; nothing else becomes of its jobs. For one that no executor serves any more: those that have it announce it again when they start.',
    parameters: [inPath('name', 'Its name.', ActionName)],
    answers: { 204: { description: 'It is gone.' } },
    problems: ['unknown_action', 'action_served', 'log_unavailable'],
  },
  {
    ...shared,
    method: 'get',
    path: '/admin/executors',
    id: 'listExecutors',
    summary: 'Executors',
    description:
      'Those that live, with the contracts that they serve, their slots and what runs, by their own word.',
    answers: { 200: json('All of them.', ExecutorsAnswer) },
    problems: ['invalid_input'],
  },
  {
    ...{ ...shared, method: 'get', path: '/admin/dead-letters', id: 'listDeadLetters' },
    summary: 'Dead letters',
    description: 'Events that a consumer could not read, oldest first.',
    parameters: [inQuery('after', 'The id behind which to begin.', wholeNumber), limit(200, 50)],
    answers: {
      200: json(
        'A page.',
        z.object({ dead_letters: z.array(DeadLetterView), next_after: z.int().nullable() }),
      ),
    },
    problems: ['invalid_input', 'log_unavailable'],
  },
  {
    ...{ ...shared, method: 'post', path: '/admin/dead-letters/{id}/redrive', id: 'redriveDeadLetter' },
    summary: 'Send a dead letter to its consumer again',
    description: 'One that still cannot be read comes back as another dead letter.',
    parameters: [inPath('id', 'Of the dead letter.', z.int().min(1).max(999_999_999_999_999))],
    answers: { 202: json('It is on its way.', z.object({ id: z.int() })) },
    problems: ['unknown_dead_letter', 'log_unavailable'],
  },
  {
    ...{ ...shared, method: 'post', path: REBUILD, id: 'startRebuild', summary: 'Make the read model again' },
    description: 'From the log, while everything goes on.',
    answers: { 202: json('It is noted down.', RebuildProgress, { headers: ['Location'] }) },
    problems: ['rebuild_running', 'log_unavailable'],
  },
  {
    ...{
      ...shared,
      method: 'get',
      path: REBUILD,
      id: 'getRebuild',
      summary: 'How the latest rebuild stands',
    },
    description: 'Whether it is under way or over.',
    answers: { 200: json('The rebuild.', RebuildProgress) },
    problems: ['unknown_rebuild', 'log_unavailable'],
  },
  {
    ...{
      ...shared,
      method: 'post',
      path: `${REBUILD}/cancel`,
      id: 'cancelRebuild',
      summary: 'End a rebuild',
    },
    description: 'The table in use stays as it is.',
    answers: { 200: json('The rebuild.', RebuildProgress) },
    problems: ['no_rebuild_running', 'log_unavailable'],
  },
  {
    ...{ ...shared, method: 'get', path: '/admin/verify', id: 'verify' },
    summary: 'Compare everything with the log',
    description:
      'An answer that takes more than 20 s begins with spaces; if it fails after that, it breaks off.',
    parameters: [inQuery('since', 'Jobs requested before are left out.', instant), tenantInQuery],
    answers: { 200: json('What does not hold.', VerifyReport) },
    problems: ['invalid_input', 'verify_running', 'log_unavailable'],
  },
  {
    ...{ ...shared, method: 'get', path: '/admin/audit', id: 'exportAudit', summary: 'Export the audit log' },
    description: 'Lines of JSON, chained by hashes. A file without its manifest was cut off.',
    parameters: [
      inQuery('from', 'Filed at or after this time.', instant),
      inQuery('to', 'Filed before this time; now without one.', instant),
      tenantInQuery,
      inQuery('action', 'Only of this action.', schemaOf(ActionName)),
      listOf('type', 'Any of these.', { enum: JOB_EVENT_TYPES }),
      inQuery('anchor', '`chain` of the export before.', { type: 'string', pattern: '^[0-9a-f]{64}$' }),
    ],
    answers: {
      200: {
        description: 'A header, the events, a manifest.',
        content: { 'application/x-ndjson': { schema: { type: 'string' } } },
      },
    },
    problems: ['invalid_input'],
  },
];
