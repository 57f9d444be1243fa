import type { WebhookEndpoint } from '@errand/contracts';
import { createAddressRules, createSecretBox } from '@errand/runtime';
import type { WebhooksConfig } from '../config.ts';
import { createEgress } from '../egress/connector.ts';
import { createHostResolver, createNameServerQuery, createSystemQuery } from '../egress/resolve-host.ts';
import { createSecretsOpener, type OpenedSecrets } from './secrets.ts';
import { createSender, type Sender } from './sender.ts';

/** What every call to an endpoint goes through, be it of a delivery or of a test. */
export interface Sending {
  readonly sender: Sender;
  /** How long an endpoint is left alone at most because it asks for that. */
  readonly maxRetryAfterMs: number;
  readonly openSecrets: (endpoint: WebhookEndpoint | undefined) => OpenedSecrets;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** As many as an endpoint may have attempts under way. */
const MAX_CONNECTIONS = 64;

export function createSending(config: WebhooksConfig): Sending {
  const { allowHttp, allowCidrs, denyCidrs, dns, attemptTimeoutMs } = config;
  const connect = createEgress({
    allowHttp,
    rules: createAddressRules({ allowCidrs, denyCidrs }),
    resolve: createHostResolver(dns === 'system' ? createSystemQuery() : createNameServerQuery()),
    connectTimeoutMs: Math.min(CONNECT_TIMEOUT_MS, attemptTimeoutMs),
  });
  const sender = createSender({
    timeoutMs: attemptTimeoutMs,
    connections: MAX_CONNECTIONS,
    maxResponseBytes: config.maxResponseBytes,
    keptResponseBytes: config.keptResponseBytes,
    connect,
  });
  return {
    sender,
    maxRetryAfterMs: config.maxRetryAfterS * 1_000,
    openSecrets: createSecretsOpener(createSecretBox(config.secretKey)),
  };
}
