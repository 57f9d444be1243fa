import type { AttemptHooks } from '@errand/actions/execution';
import type { WorkerClient } from './worker-client.ts';

/** What an attempt says while it runs, on its way to the executor. */
export interface AttemptReports extends Pick<AttemptHooks, 'progress' | 'log' | 'output'> {
  /** Resolves when everything said so far has been sent, or could not be. */
  sent(): Promise<void>;
}

/** Lines and partial results beyond this number that wait to be sent are lost. */
const MOST_WAITING = 1_000;
/** What one request takes, in bytes of JSON; the executor takes four times as much. */
const REQUEST_BYTES = 262_144;
const REQUEST_ITEMS = 100;

type Said =
  | { readonly what: 'log'; readonly item: object }
  | { readonly what: 'output'; readonly item: unknown };

/**
 * Sends one request at a time, with what was said since the one before, in its order: of progress, the newest. What is lost, since
 * there was too much of it or the executor did not take it, is said in a line.
 */
export function createAttemptReports(client: Pick<WorkerClient, 'tell'>, token: string): AttemptReports {
  let progress: { percent: number; message: string | undefined } | undefined;
  let waiting: (Said & { readonly bytes: number })[] = [];
  let lost = 0;
  let sending: Promise<void> | undefined;

  function say(said: Said): void {
    if (waiting.length >= MOST_WAITING) lost += 1;
    else waiting.push({ ...said, bytes: bytesOf(said.item) });
    sending ??= send();
  }

  async function send(): Promise<void> {
    do {
      const newest = progress;
      progress = undefined;
      await sendSome();
      // The attempt does not depend on it.
      if (newest) await client.tell(token, 'progress', newest).catch(() => {});
      if (lost > 0 && waiting.length === 0) await sendLines([]).catch(() => {});
    } while (progress || waiting.length > 0);
    sending = undefined;
  }

  /** With what was lost before them. */
  async function sendLines(lines: readonly unknown[]): Promise<void> {
    const missing = lost;
    const said = `${missing} lines or partial results were lost on their way`;
    await client.tell(token, 'log', { lines: [...(missing > 0 ? [{ message: said }] : []), ...lines] });
    lost -= missing;
  }

  async function sendSome(): Promise<void> {
    const [first] = waiting;
    if (!first) return;
    let bytes = 0;
    const end = waiting.findIndex((each, index) => {
      bytes += each.bytes;
      return index > 0 && (each.what !== first.what || bytes > REQUEST_BYTES || index === REQUEST_ITEMS);
    });
    const some = waiting.slice(0, end < 0 ? undefined : end);
    waiting = waiting.slice(some.length);
    const items = some.map(({ item }) => item);
    try {
      if (first.what === 'log') await sendLines(items);
      else await client.tell(token, 'output', { values: items });
    } catch {
      lost += some.length;
    }
  }

  return {
    progress(percent, message) {
      progress = { percent, message };
      sending ??= send();
    },
    log: (message, fields) => say({ what: 'log', item: { message, fields } }),
    output: (json) => say({ what: 'output', item: JSON.parse(json) }),
    sent: async () => sending,
  };
}

/** Nothing of what JSON cannot hold. */
function bytesOf(item: unknown): number {
  try {
    return Buffer.byteLength(JSON.stringify(item) ?? '');
  } catch {
    return 0;
  }
}
