import {
  PROJECTION_COMMANDS,
  type ProjectionAnswer,
  type ProjectionCommand,
  type ProjectionRequest,
  projectionCommandSubject,
} from '@errand/contracts';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { LogUnavailable } from './errors.ts';

export type ProjectionHandlers = {
  [C in ProjectionCommand]: (request: ProjectionRequest<C>) => Promise<ProjectionAnswer<C>>;
};

/** Requests to the projection service, over core NATS: one of its processes answers each. */
export interface ProjectionCommands {
  /**
   * Asks, and resolves with the answer.
   * @throws LogUnavailable when no process answers: none runs, or it failed.
   */
  askProjection<C extends ProjectionCommand>(
    command: C,
    request: ProjectionRequest<C>,
  ): Promise<ProjectionAnswer<C>>;
  /**
   * Answers requests, from when it resolves; `onError` is told of handlers that throw. Resolves with the way to stop.
   */
  answerProjection(handlers: ProjectionHandlers, onError: (error: unknown) => void): Promise<() => void>;
}

/** All processes of the service stand in one queue. */
const QUEUE = 'projection';
const TIMEOUT_MS: Record<ProjectionCommand, number> = {
  rebuild: 10_000,
  rebuild_status: 5_000,
  cancel_rebuild: 10_000,
};
const FAILED = JSON.stringify({ kind: 'failed' });

export function createProjectionCommands(nc: NatsConnection): ProjectionCommands {
  return {
    async askProjection<C extends ProjectionCommand>(command: C, request: ProjectionRequest<C>) {
      try {
        const options = { timeout: TIMEOUT_MS[command] };
        const message = await nc.request(projectionCommandSubject(command), JSON.stringify(request), options);
        return PROJECTION_COMMANDS[command].answer.parse(message.json()) as ProjectionAnswer<C>;
      } catch (error) {
        throw new LogUnavailable('the projection service did not answer', { cause: error });
      }
    },
    async answerProjection(handlers, onError) {
      const commands = Object.keys(PROJECTION_COMMANDS) as ProjectionCommand[];
      const subscriptions = commands.map((command) =>
        nc.subscribe(projectionCommandSubject(command), {
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
  options: { command: ProjectionCommand; handlers: ProjectionHandlers; onError: (error: unknown) => void },
): Promise<void> {
  const { command, handlers, onError } = options;
  try {
    const request = PROJECTION_COMMANDS[command].request.parse(message.json());
    // Which request belongs to which handler is known to `ProjectionHandlers` only.
    const handle = handlers[command] as (request: unknown) => Promise<unknown>;
    message.respond(JSON.stringify(await handle(request)));
  } catch (error) {
    onError(error);
    message.respond(FAILED);
  }
}
