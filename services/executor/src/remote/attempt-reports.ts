import type { AttemptHooks } from '@errand/actions/execution';
import type { WorkerClient } from './worker-client.ts';

/** What an attempt says while it runs, on its way to the executor. */
export interface AttemptReports extends Pick<AttemptHooks, 'progress' | 'log'> {
  /** Resolves when everything said so far has been sent, or could not be. */
  sent(): Promise<void>;
}

/** Lines beyond this number that wait to be sent are dropped. */
const MOST_LINES = 1_000;

/** Sends one request at a time, with all that was said since the one before: of progress, the newest. */
export function createAttemptReports(client: Pick<WorkerClient, 'tell'>, token: string): AttemptReports {
  let progress: { percent: number; message: string | undefined } | undefined;
  let lines: { message: string; fields: Record<string, unknown> | undefined }[] = [];
  let sending: Promise<void> | undefined;

  async function send(): Promise<void> {
    while (progress || lines.length > 0) {
      const [newest, said] = [progress, lines];
      progress = undefined;
      lines = [];
      // The attempt does not depend on it.
      if (said.length > 0) await client.tell(token, 'log', { lines: said }).catch(() => {});
      if (newest) await client.tell(token, 'progress', newest).catch(() => {});
    }
    sending = undefined;
  }

  return {
    progress(percent, message) {
      progress = { percent, message };
      sending ??= send();
    },
    log(message, fields) {
      if (lines.length < MOST_LINES) lines.push({ message, fields });
      sending ??= send();
    },
    sent: async () => sending,
  };
}
