import { createHash } from 'node:crypto';
import type { WebhookEndpoint } from '@errand/contracts';
import type { DueDelivery } from '../delivery-rows.ts';
import type { Endpoints } from '../endpoints/directory.ts';
import type { QueueKey } from '../pacing/queue-pages.ts';

/*
 * Where a delivery goes. One to an endpoint goes where the endpoint's record says. One of a job's own webhook carries
 * its URL; it has no endpoint, so a queue is made up for it, whose id begins with `whj_`: the one of 1,024 of its tenant
 * that the URL's hash names. So a URL holds up none but those few that chance puts beside it, and a tenant that uses
 * another URL for each job has no more queues than that. It is signed with the secrets that the tenant has for all its
 * jobs.
 */

export interface Target {
  /** By which its queue and its connections are kept. */
  readonly endpointId: string;
  readonly url: string;
  readonly method: 'POST' | 'GET';
  /** The record whose secrets it carries; undefined if the tenant's jobs have none. */
  readonly secretsOf: WebhookEndpoint | undefined;
}

const JOB_QUEUE_PREFIX = 'whj_';
const JOB_QUEUE_HASH_LENGTH = 32;
const JOB_QUEUES = 1_024;

export function jobQueueId(tenantId: string, url: string): string {
  const queue = createHash('sha256').update(url).digest().readUInt32BE() % JOB_QUEUES;
  const hash = createHash('sha256').update(`${tenantId} ${queue}`).digest('hex');
  return `${JOB_QUEUE_PREFIX}${hash.slice(0, JOB_QUEUE_HASH_LENGTH)}`;
}

export function isJobQueue(endpointId: string): boolean {
  return endpointId.startsWith(JOB_QUEUE_PREFIX);
}

/** Undefined if the endpoint is not known. */
export function targetOf(
  { tenantId, endpointId, url }: Pick<QueueKey, 'tenantId' | 'endpointId'> & Pick<DueDelivery, 'url'>,
  endpoints: Pick<Endpoints, 'find' | 'signerOfJobs'>,
): Target | undefined {
  if (url !== null) {
    return { endpointId, url, method: 'POST', secretsOf: endpoints.signerOfJobs(tenantId) };
  }
  const endpoint = endpoints.find(tenantId, endpointId);
  return endpoint && targetOfEndpoint(endpoint);
}

export function targetOfEndpoint(endpoint: WebhookEndpoint): Target {
  const { endpoint_id, url, method } = endpoint;
  return { endpointId: endpoint_id, url, method, secretsOf: endpoint };
}
