import { checkOptions, type Members } from '../http/check-options.ts';
import { path } from '../http/path.ts';
import type { ApiRequest, Transport } from '../http/transport.ts';
import { CALL, type CallOptions } from '../jobs/run.ts';
import { createDeliveries, type Deliveries } from './deliveries.ts';
import type {
  EndpointChange,
  EndpointDraft,
  EndpointTrial,
  Signer,
  WatchedEndpoint,
  WebhookEndpoint,
  WithSecret,
} from './webhook-endpoint.ts';

export interface RotateOptions extends CallOptions {
  /** Default: a random one, made here so that a retry changes nothing. */
  readonly signingSecret?: string | undefined;
  /** How long requests are also signed with the replaced secret; default 86,400. */
  readonly graceS?: number | undefined;
}

const ROTATE: Members<RotateOptions> = { signingSecret: true, graceS: true, signal: true };

export interface Webhooks extends Deliveries {
  /** The answer has the signing secret, which no later answer has. Not retried after a failure: look at the list. */
  create(endpoint: EndpointDraft, options?: CallOptions): Promise<WithSecret<WebhookEndpoint>>;
  /** Oldest first. */
  list(options?: CallOptions): Promise<WatchedEndpoint[]>;
  get(endpointId: string, options?: CallOptions): Promise<WatchedEndpoint>;
  /** Changes the members that are given. */
  change(endpointId: string, change: EndpointChange, options?: CallOptions): Promise<WebhookEndpoint>;
  delete(endpointId: string, options?: CallOptions): Promise<void>;
  pause(endpointId: string, options?: CallOptions): Promise<WebhookEndpoint>;
  /** Also brings back a disabled endpoint. */
  resume(endpointId: string, options?: CallOptions): Promise<WebhookEndpoint>;
  rotateSecret(endpointId: string, options?: RotateOptions): Promise<WithSecret<WebhookEndpoint>>;
  /** Calls the endpoint once; resolves with the outcome, good or bad. */
  test(endpointId: string, options?: CallOptions): Promise<EndpointTrial>;
  /** The secrets that sign the webhooks of single runs. */
  jobSigner(options?: CallOptions): Promise<Signer>;
  /** Replaces the secret for the webhooks of single runs, or makes the first one: the way a tenant gets it. */
  rotateJobSecret(options?: RotateOptions): Promise<WithSecret<Signer>>;
}

export function createWebhooks(transport: Transport): Webhooks {
  const ask = <T>(request: ApiRequest) => transport.json<T>(request);
  async function rotate<T>(owner: string, options: RotateOptions = {}): Promise<T> {
    checkOptions(options, ROTATE);
    const { signingSecret = randomSecret(), graceS, signal } = options;
    return ask({
      method: 'POST',
      path: path`/webhooks/${owner}/rotate-secret`,
      isRepeatable: true,
      signal,
      body: { signing_secret: signingSecret, grace_s: graceS },
    });
  }
  function at(
    method: ApiRequest['method'],
    route: string,
    isRepeatable: boolean,
    options: CallOptions = {},
  ): ApiRequest {
    checkOptions(options, CALL);
    return { method, path: route, isRepeatable, signal: options.signal };
  }

  return {
    ...createDeliveries(transport),
    create: async (body, options) => ask({ ...at('POST', '/webhooks', false, options), body }),
    async list(options) {
      const { webhooks } = await ask<{ webhooks: WatchedEndpoint[] }>(at('GET', '/webhooks', true, options));
      return webhooks;
    },
    get: async (id, options) => ask(at('GET', path`/webhooks/${id}`, true, options)),
    change: async (id, body, options) => ask({ ...at('PATCH', path`/webhooks/${id}`, true, options), body }),
    delete: async (id, options) => ask(at('DELETE', path`/webhooks/${id}`, false, options)),
    pause: async (id, options) => ask(at('POST', path`/webhooks/${id}/pause`, true, options)),
    resume: async (id, options) => ask(at('POST', path`/webhooks/${id}/resume`, true, options)),
    rotateSecret: rotate,
    test: async (id, options) => ask(at('POST', path`/webhooks/${id}/test`, false, options)),
    jobSigner: async (options) => ask(at('GET', '/webhooks/job', true, options)),
    rotateJobSecret: (options) => rotate('job', options),
  };
}

function randomSecret(): string {
  return `whsec_${btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))))}`;
}
