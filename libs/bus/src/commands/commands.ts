import {
  type CommandAnswer,
  type CommandRequest,
  type CommandSet,
  commandSubject,
  type PROJECTION_COMMANDS,
  type SCHEDULER_COMMANDS,
  type WEBHOOK_COMMANDS,
} from '@errand/contracts';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { LogUnavailable } from '../errors.ts';

/* What one service asks another to do, over core NATS: one process of the service answers each request. */

type Handlers<S extends CommandSet> = {
  [C in keyof S]: (request: CommandRequest<S, C>) => Promise<CommandAnswer<S, C>>;
};
export type WebhookHandlers = Handlers<typeof WEBHOOK_COMMANDS>;
export type ProjectionHandlers = Handlers<typeof PROJECTION_COMMANDS>;

export type SchedulerHandlers = Handlers<typeof SCHEDULER_COMMANDS>;

export interface Commands<S extends CommandSet> {
  /**
   * Asks, and resolves with the answer.
   * @throws LogUnavailable when no process answers: none runs, or it failed.
   */
  ask<C extends keyof S & string>(command: C, request: CommandRequest<S, C>): Promise<CommandAnswer<S, C>>;
  /**
   * Answers requests, from when it resolves; `onError` is told of handlers that throw. Resolves with the way to stop.
   */
  answer(handlers: Handlers<S>, onError: (error: unknown) => void): Promise<() => void>;
}

const REFUSED = JSON.stringify({ kind: 'refused', code: 'invalid_request' });
const FAILED = JSON.stringify({ kind: 'failed' });

/** `timeoutMs` is how long each command may take. */
export function createCommands<S extends CommandSet>(
  nc: NatsConnection,
  { service, commands, timeoutMs }: { service: string; commands: S; timeoutMs: Record<keyof S, number> },
): Commands<S> {
  return {
    async ask<C extends keyof S & string>(command: C, request: CommandRequest<S, C>) {
      const text = JSON.stringify(request);
      try {
        const subject = commandSubject(service, command);
        const message = await nc.request(subject, text, { timeout: timeoutMs[command] });
        return commands[command]?.answer.parse(message.json()) as CommandAnswer<S, C>;
      } catch (error) {
        throw new LogUnavailable(`the ${service} service did not answer`, { cause: error });
      }
    },
    async answer(handlers, onError) {
      const subscriptions = Object.entries(commands).map(([command, { request }]) =>
        nc.subscribe(commandSubject(service, command), {
          // All processes of the service share one queue group.
          queue: service,
          callback: (error, message) => {
            // Only `Handlers` knows which request belongs to which handler.
            const handle = handlers[command] as (request: unknown) => Promise<unknown>;
            if (!error) void respond(message, { request, handle, onError });
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

async function respond(
  message: Msg,
  options: {
    request: CommandSet[string]['request'];
    handle: (request: unknown) => Promise<unknown>;
    onError: (error: unknown) => void;
  },
): Promise<void> {
  try {
    const request = options.request.safeParse(readJson(message));
    message.respond(request.success ? JSON.stringify(await options.handle(request.data)) : REFUSED);
  } catch (error) {
    options.onError(error);
    message.respond(FAILED);
  }
}

/** Undefined if a message is not JSON. */
function readJson(message: Msg): unknown {
  try {
    return message.json();
  } catch {
    return undefined;
  }
}
