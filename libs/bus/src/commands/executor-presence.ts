import { executorSubject } from '@errand/contracts';
import type { NatsConnection } from '@nats-io/transport-node';

/*
 * A delivered request may belong to a job that another executor is running: the server redelivers a message whose
 * acknowledgement it forgot, or that was not renewed in time. So that executor is asked.
 */

export interface ExecutorPresence {
  /**
   * Answers, for this executor, whether it holds a job, and hears of jobs that others have taken over from it.
   * Returns the way to stop.
   */
  answerHolds(
    executorId: string,
    listener: { holds: (jobId: string) => boolean; onTaken: (jobId: string) => void },
  ): () => void;
  /** Tells an executor that one of its jobs has been taken over from it. The message may be lost. */
  tellTaken(executorId: string, jobId: string): void;
  /** Whether an executor says that it holds a job. One that is gone, paused or unreachable does not. */
  askHolds(executorId: string, jobId: string): Promise<boolean>;
}

const TAKEN = 'taken ';
/** An executor that does not answer for this long cannot be relied upon. */
const ANSWER_MS = 1_000;
/** After a restart of the server an executor may reconnect a moment later than the one that asks. */
const RETURN_MS = 3_000;
const ASK_AGAIN_MS = 250;

/** `onReconnected` registers a callback and returns the way to remove it. */
export function createExecutorPresence(
  nc: NatsConnection,
  onReconnected: (callback: () => void) => () => void,
): ExecutorPresence {
  let trustedFromMs = 0;
  onReconnected(() => {
    trustedFromMs = performance.now() + RETURN_MS;
  });
  return {
    answerHolds(executorId, { holds, onTaken }) {
      const subscription = nc.subscribe(executorSubject(executorId), {
        callback: (error, message) => {
          if (error) return;
          const text = message.string();
          if (text.startsWith(TAKEN)) onTaken(text.slice(TAKEN.length));
          else message.respond(holds(text) ? 'yes' : 'no');
        },
      });
      return () => subscription.unsubscribe();
    },
    tellTaken(executorId, jobId) {
      nc.publish(executorSubject(executorId), TAKEN + jobId);
    },
    async askHolds(executorId, jobId) {
      for (;;) {
        try {
          const answer = await nc.request(executorSubject(executorId), jobId, { timeout: ANSWER_MS });
          return answer.string() === 'yes';
        } catch {
          if (performance.now() > trustedFromMs) return false;
          await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
        }
      }
    },
  };
}
