import { VERIFY_SUBJECT, VerifyAnswer, VerifyRequest } from '@errand/contracts';
import { createInbox, type Msg, type NatsConnection } from '@nats-io/transport-node';
import { LogUnavailable } from '../errors.ts';
import { readJson } from './commands.ts';

/*
 * A request that may take many minutes. So that neither side waits for one that is gone, the working process reports
 * every few seconds, and the asking one answers that it still listens.
 */

export type VerifyHandler = (request: VerifyRequest, signal: AbortSignal) => Promise<VerifyAnswer>;

export interface VerifyCommand {
  /**
   * Has one process of the projection compare everything with the log; ends when the signal is aborted.
   * @throws LogUnavailable when no process answers, or the one that worked on it is gone
   */
  askVerify(request: VerifyRequest, signal: AbortSignal): Promise<VerifyAnswer>;
  /**
   * Answers requests, from when it resolves; a handler's signal is aborted when nobody waits for its answer any longer.
   * Resolves with the way to stop.
   */
  answerVerify(handle: VerifyHandler, onError: (error: unknown) => void): Promise<() => void>;
}

const QUEUE = 'projection';
const BEAT_MS = 2_000;
const SILENCE_MS = 15_000;
const WORKING = JSON.stringify({ kind: 'working' });

export function createVerifyCommand(nc: NatsConnection): VerifyCommand {
  return {
    async askVerify(request, signal) {
      const { promise, resolve, reject } = Promise.withResolvers<VerifyAnswer>();
      const giveUp = () => reject(new LogUnavailable('the projection service did not answer'));
      let timer = setTimeout(giveUp, SILENCE_MS);
      const inbox = createInbox();
      const subscription = nc.subscribe(inbox, {
        callback: (error, message) => {
          clearTimeout(timer);
          // The server's answer where nobody takes the command.
          if (error || message.headers?.code === 503) return giveUp();
          const answer = VerifyAnswer.safeParse(readJson(message));
          if (answer.success) return resolve(answer.data);
          message.respond();
          timer = setTimeout(giveUp, SILENCE_MS);
        },
      });
      signal.addEventListener('abort', giveUp, { once: true });
      try {
        nc.publish(VERIFY_SUBJECT, JSON.stringify(request), { reply: inbox });
        return await promise;
      } finally {
        clearTimeout(timer);
        signal.removeEventListener('abort', giveUp);
        subscription.unsubscribe();
      }
    },
    async answerVerify(handle, onError) {
      const subscription = nc.subscribe(VERIFY_SUBJECT, {
        queue: QUEUE,
        callback: (error, message) => {
          if (!error) void answer(nc, message, { handle, onError });
        },
      });
      await nc.flush();
      return () => subscription.unsubscribe();
    },
  };
}

async function answer(
  nc: NatsConnection,
  message: Msg,
  { handle, onError }: { handle: VerifyHandler; onError: (error: unknown) => void },
): Promise<void> {
  const gone = new AbortController();
  const beating = setInterval(() => {
    nc.request(message.reply ?? '', WORKING, { timeout: BEAT_MS * 2 }).catch(() => gone.abort());
  }, BEAT_MS);
  try {
    const request = VerifyRequest.safeParse(readJson(message));
    const told = request.success ? await handle(request.data, gone.signal) : { kind: 'refused' };
    message.respond(JSON.stringify(told));
  } catch (error) {
    if (!gone.signal.aborted) onError(error);
    message.respond(JSON.stringify({ kind: 'failed' }));
  } finally {
    clearInterval(beating);
  }
}
