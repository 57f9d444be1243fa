import { z } from 'zod';
import type { ProblemCode } from '../http/problem.ts';
import { ChangeBody, CreateBody } from '../webhooks/endpoints/endpoint-draft.ts';
import { HealthView } from '../webhooks/endpoints/endpoint-health.ts';
import { EndpointView } from '../webhooks/endpoints/endpoint-secrets.ts';
import { JobSignerView } from '../webhooks/endpoints/job-signer.ts';
import { RotateBody } from '../webhooks/endpoints/rotate-secret.ts';
import { inPath, json, jsonBody, type Operation } from './operation.ts';
import { TENANT, tenantId } from './parameters.ts';
import { named } from './schemas.ts';

named('WebhookEndpoint', EndpointView);
named('WebhookHealth', HealthView);
named('WebhookChange', ChangeBody);
named('WebhookRequest', CreateBody);
named('SecretRotation', RotateBody);
const signingSecret = z.string().meta({ description: 'In this answer and in no later one.' });
const WithSecret = EndpointView.extend({ signing_secret: signingSecret });
named('WebhookEndpointWithSecret', WithSecret);
const WithHealth = EndpointView.extend({ health: HealthView.nullable() });
named('WebhookEndpointWithHealth', WithHealth);
named('JobWebhookSigner', JobSignerView);

const shared = { tag: 'Webhooks', key: 'tenant' } as const;
const WEBHOOKS = `${TENANT}/webhooks`;
const ENDPOINT = `${WEBHOOKS}/{endpoint_id}`;
/** What an endpoint's id looks like. */
export const endpointId = inPath('endpoint_id', "The endpoint's id.", z.string().min(1).max(100));
const place = [tenantId, endpointId];
const unknown: readonly ProblemCode[] = ['unknown_endpoint'];

export const webhookOperations: Operation[] = [
  {
    ...{ ...shared, method: 'post', path: WEBHOOKS, id: 'createWebhook', summary: 'Add an endpoint' },
    description:
      'URLs are https and lead to public addresses. With the method `GET` the URL is a template of `<JOB_ID>`, `<STATUS>`, `<ACTION>` and `<TENANT_ID>`.',
    parameters: [tenantId],
    body: jsonBody(CreateBody, {
      example: { url: 'https://example.org/hooks/errand', event_types: ['job.succeeded', 'job.failed'] },
    }),
    answers: { 201: json('The endpoint, with its signing secret.', WithSecret, { headers: ['Location'] }) },
    problems: ['too_many_endpoints'],
  },
  {
    ...{ ...shared, method: 'get', path: WEBHOOKS, id: 'listWebhooks', summary: 'Endpoints' },
    description: 'Oldest first, and how each is doing.',
    parameters: [tenantId],
    answers: { 200: json('All of them.', z.object({ webhooks: z.array(WithHealth) })) },
    problems: ['too_many_reads'],
  },
  {
    ...{ ...shared, method: 'get', path: ENDPOINT, id: 'getWebhook', summary: 'An endpoint' },
    description: 'Without its secrets; `health` is null while Postgres cannot be asked.',
    parameters: place,
    answers: { 200: json('The endpoint.', WithHealth) },
    problems: unknown,
  },
  {
    ...{ ...shared, method: 'patch', path: ENDPOINT, id: 'changeWebhook', summary: 'Change an endpoint' },
    description: 'The members that are sent, and no others.',
    parameters: place,
    body: jsonBody(ChangeBody, { example: { enabled: false } }),
    answers: { 200: json('The endpoint.', EndpointView) },
    problems: unknown,
  },
  {
    ...{ ...shared, method: 'delete', path: ENDPOINT, id: 'deleteWebhook', summary: 'Remove an endpoint' },
    description: 'With its secrets. Its deliveries can still be read.',
    parameters: place,
    answers: { 204: { description: 'It is gone.' } },
    problems: unknown,
  },
  {
    ...{ ...shared, method: 'post', path: `${ENDPOINT}/pause`, id: 'pauseWebhook' },
    summary: 'Pause an endpoint',
    description: 'Nothing is sent until it is resumed.',
    parameters: place,
    answers: { 200: json('The endpoint.', EndpointView) },
    problems: unknown,
  },
  {
    ...{ ...shared, method: 'post', path: `${ENDPOINT}/resume`, id: 'resumeWebhook' },
    summary: 'Resume an endpoint',
    description: 'Whether it was paused or disabled.',
    parameters: place,
    answers: { 200: json('The endpoint.', EndpointView) },
    problems: unknown,
  },
  {
    ...{ ...shared, method: 'post', path: `${ENDPOINT}/rotate-secret`, id: 'rotateWebhookSecret' },
    summary: "Replace an endpoint's signing secret",
    description: 'Requests are signed with the replaced one too for `grace_s`.',
    parameters: place,
    body: jsonBody(RotateBody, { required: false }),
    answers: { 200: json('The endpoint, with its signing secret.', WithSecret) },
    problems: ['unknown_endpoint', 'too_many_secrets'],
  },
  {
    ...{ ...shared, method: 'get', path: `${WEBHOOKS}/job`, id: 'getJobSigner' },
    summary: "What signs runs' own webhooks",
    description: 'By fingerprint. There is none before the first such run or rotation.',
    parameters: [tenantId],
    answers: { 200: json('The signer.', JobSignerView) },
    problems: unknown,
  },
  {
    ...{ ...shared, method: 'post', path: `${WEBHOOKS}/job/rotate-secret`, id: 'rotateJobSignerSecret' },
    summary: "Replace the secret of runs' own webhooks",
    description: 'This is also how to come by the first one.',
    parameters: [tenantId],
    body: jsonBody(RotateBody, { required: false }),
    answers: {
      200: json('The signer, with its secret.', JobSignerView.extend({ signing_secret: signingSecret })),
    },
    problems: ['unknown_endpoint', 'too_many_secrets'],
  },
];
