import { WEBHOOK_HINTS } from '@errand/contracts';
import type { NatsConnection } from '@nats-io/transport-node';

interface EndpointHint {
  readonly tenantId: string;
  readonly endpointId: string;
}

/** Tells other processes which endpoints have something to be sent. Hints may get lost, so listeners also poll. */
export interface WebhookHints {
  hintEndpoints(endpoints: readonly EndpointHint[]): void;
  /** Returns the way to stop. */
  onEndpointHints(listener: (endpoints: EndpointHint[]) => void): () => void;
}

const MAX_IN_MESSAGE = 1_000;

export function createWebhookHints(nc: NatsConnection): WebhookHints {
  return {
    hintEndpoints(endpoints) {
      for (let from = 0; from < endpoints.length; from += MAX_IN_MESSAGE) {
        const names = endpoints
          .slice(from, from + MAX_IN_MESSAGE)
          .map((e) => `${e.tenantId}.${e.endpointId}`);
        if (!nc.isClosed()) nc.publish(WEBHOOK_HINTS, names.join(' '));
      }
    },
    onEndpointHints(listener) {
      const subscription = nc.subscribe(WEBHOOK_HINTS, {
        callback: (error, message) => {
          if (error) return;
          listener(
            message
              .string()
              .split(' ')
              .flatMap((name) => {
                const [tenantId, endpointId] = name.split('.');
                return tenantId && endpointId ? [{ tenantId, endpointId }] : [];
              }),
          );
        },
      });
      return () => subscription.unsubscribe();
    },
  };
}
