import { ActionName, CallbackKeyAnswer, CallbackKeyRequest, callbackKeySubject } from '@errand/contracts';
import type { NatsConnection } from '@nats-io/transport-node';
import { LogUnavailable } from '../errors.ts';

/** How executors get the keys of their actions' callbacks. The action is in the subject, so that permissions can name it. */
export interface CallbackKeyCommands {
  /** @throws LogUnavailable when no gateway answers, or this executor may not ask for that action */
  askCallbackKey(action: string, request: CallbackKeyRequest): Promise<CallbackKeyAnswer>;
  /** Answers as one of the gateways, from when it resolves. Resolves with the way to stop. */
  answerCallbackKeys(
    handle: (action: string, request: CallbackKeyRequest) => CallbackKeyAnswer,
  ): Promise<() => void>;
}

const ANSWER_MS = 2_000;
const QUEUE = 'gateway';

export function createCallbackKeyCommands(nc: NatsConnection): CallbackKeyCommands {
  return {
    async askCallbackKey(action, request) {
      try {
        const options = { timeout: ANSWER_MS };
        const message = await nc.request(callbackKeySubject(action), JSON.stringify(request), options);
        return CallbackKeyAnswer.parse(message.json());
      } catch (error) {
        throw new LogUnavailable('no gateway told the key of callbacks', { cause: error });
      }
    },
    async answerCallbackKeys(handle) {
      const subscription = nc.subscribe(callbackKeySubject('*'), {
        queue: QUEUE,
        callback: (error, message) => {
          if (error) return;
          // What is no question gets no answer.
          try {
            const action = ActionName.parse(message.subject.split('.').at(-1));
            message.respond(JSON.stringify(handle(action, CallbackKeyRequest.parse(message.json()))));
          } catch {}
        },
      });
      await nc.flush();
      return () => subscription.unsubscribe();
    },
  };
}
