import {
  WEBHOOK_COMMANDS,
  type WebhookAnswer,
  type WebhookCommand,
  type WebhookRequest,
  webhookCommandSubject,
} from '@errand/contracts';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { LogUnavailable } from './errors.ts';

export type WebhookHandlers = {
  [C in WebhookCommand]: (request: WebhookRequest<C>) => Promise<WebhookAnswer<C>>;
};

/** Requests to the webhooks service, over core NATS: one of its processes answers each. */
export interface WebhookCommands {
  /**
   * Asks, and resolves with the answer.
   * @throws LogUnavailable when no process answers: none runs, or it failed.
   */
  askWebhooks<C extends WebhookCommand>(command: C, request: WebhookRequest<C>): Promise<WebhookAnswer<C>>;
  /**
   * Answers requests, from when it resolves; `onError` is told of handlers that throw. Resolves with the way to stop.
   */
  answerWebhooks(handlers: WebhookHandlers, onError: (error: unknown) => void): Promise<() => void>;
}

/** All processes of the service stand in one queue. */
const QUEUE = 'webhooks';
/** A test waits for the endpoint itself, which may take its whole deadline. */
const TIMEOUT_MS: Record<WebhookCommand, number> = {
  test: 65_000,
  redeliver: 5_000,
  replay: 5_000,
  cancel_replay: 5_000,
};
const REFUSED = JSON.stringify({ kind: 'refused', code: 'invalid_request' });
const FAILED = JSON.stringify({ kind: 'failed' });

export function createWebhookCommands(nc: NatsConnection): WebhookCommands {
  return {
    async askWebhooks<C extends WebhookCommand>(command: C, request: WebhookRequest<C>) {
      try {
        const options = { timeout: TIMEOUT_MS[command] };
        const message = await nc.request(webhookCommandSubject(command), JSON.stringify(request), options);
        return WEBHOOK_COMMANDS[command].answer.parse(message.json()) as WebhookAnswer<C>;
      } catch (error) {
        throw new LogUnavailable('the webhooks service did not answer', { cause: error });
      }
    },
    async answerWebhooks(handlers, onError) {
      const commands = Object.keys(WEBHOOK_COMMANDS) as WebhookCommand[];
      const subscriptions = commands.map((command) =>
        nc.subscribe(webhookCommandSubject(command), {
          queue: QUEUE,
          callback: (error, message) => {
            if (!error) void answer(message, { command, handlers, onError });
          },
        }),
      );
      await nc.flush();
      return () => {
        for (const subscription of subscriptions) subscription.unsubscribe();
      };
    },
  };
}

async function answer(
  message: Msg,
  options: { command: WebhookCommand; handlers: WebhookHandlers; onError: (error: unknown) => void },
): Promise<void> {
  const { command, handlers, onError } = options;
  try {
    const request = WEBHOOK_COMMANDS[command].request.safeParse(readJson(message));
    if (!request.success) {
      message.respond(REFUSED);
      return;
    }
    // Which request belongs to which handler is known to `WebhookHandlers` only.
    const handle = handlers[command] as (request: unknown) => Promise<unknown>;
    message.respond(JSON.stringify(await handle(request.data)));
  } catch (error) {
    onError(error);
    message.respond(FAILED);
  }
}

function readJson(message: Msg): unknown {
  try {
    return message.json();
  } catch {
    return undefined;
  }
}
