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
  /** Default: a random one, made here so that a second attempt changes nothing. */
  readonly signingSecret?: string | undefined;
  /** For how long requests are signed with the replaced one too; default 86,400. */
  readonly graceS?: number | undefined;
}

const ROTATE: Members<RotateOptions> = { signingSecret: true, graceS: true, signal: true };

export interface Webhooks extends Deliveries {
  /** The answer has the signing secret, which no later one has. Not made again after a failure: look at the list. */
  create(endpoint: EndpointDraft, options?: CallOptions): Promise<WithSecret<WebhookEndpoint>>;
  /** Oldest first. */
  list(options?: CallOptions): Promise<WatchedEndpoint[]>;
  get(endpointId: string, options?: CallOptions): Promise<WatchedEndpoint>;
  /** Changes the members that are given. */
  change(endpointId: string, change: EndpointChange, options?: CallOptions): Promise<WebhookEndpoint>;
  delete(endpointId: string, options?: CallOptions): Promise<void>;
  pause(endpointId: string, options?: CallOptions): Promise<WebhookEndpoint>;
  /** Brings a disabled endpoint back, too. */
  resume(endpointId: string, options?: CallOptions): Promise<WebhookEndpoint>;
  rotateSecret(endpointId: string, options?: RotateOptions): Promise<WithSecret<WebhookEndpoint>>;
  /** Calls the endpoint once; resolves with how that went, well or not. */
  test(endpointId: string, options?: CallOptions): Promise<EndpointTrial>;
  /** What the webhooks of single runs are signed with. */
  jobSigner(options?: CallOptions): Promise<Signer>;
  /** Another secret for the webhooks of single runs, or the first one: how a tenant comes by it. */
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
