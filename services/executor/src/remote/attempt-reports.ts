import type { AttemptHooks } from '@errand/actions/execution';
import type { WorkerClient } from './worker-client.ts';

/** What an attempt says while it runs, on its way to the executor. */
export interface AttemptReports extends Pick<AttemptHooks, 'progress' | 'log' | 'output'> {
  /** Resolves when everything said so far has been sent, or could not be. */
  sent(): Promise<void>;
}

/** Lines and partial results beyond this number that wait to be sent are dropped. */
const MOST_LINES = 1_000;
/** Each may take 32 KiB, and a body 1 MiB. */
const OUTPUTS_AT_ONCE = 20;

/** Sends one request at a time, with all that was said since the one before: of progress, the newest. */
export function createAttemptReports(client: Pick<WorkerClient, 'tell'>, token: string): AttemptReports {
  let progress: { percent: number; message: string | undefined } | undefined;
  let lines: { message: string; fields: Record<string, unknown> | undefined }[] = [];
  let outputs: unknown[] = [];
  let sending: Promise<void> | undefined;

  async function send(): Promise<void> {
    while (progress || lines.length > 0 || outputs.length > 0) {
      const [newest, said, values] = [progress, lines, outputs];
      progress = undefined;
      lines = [];
      outputs = [];
      // The attempt does not depend on it.
      if (said.length > 0) await client.tell(token, 'log', { lines: said }).catch(() => {});
      for (let begin = 0; begin < values.length; begin += OUTPUTS_AT_ONCE) {
        const part = values.slice(begin, begin + OUTPUTS_AT_ONCE);
        await client.tell(token, 'output', { values: part }).catch(() => {});
      }
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
    output(json) {
      if (outputs.length < MOST_LINES) outputs.push(JSON.parse(json));
      sending ??= send();
    },
    sent: async () => sending,
  };
}
