import type { Attempt } from '@errand/actions';
import { textOf } from '../http/outside-json.ts';

const NEW_LINE = 0x0a;

/** Bytes. Longer lines are cut. */
const MAX_LINE = 16_384;
/** What a process says beyond that is read and dropped, so that it cannot flood the log. */
const MAX_LOGGED_LINES = 1_000;

/** Takes what a process writes to stderr: `{"percent":…}` is its progress, `{"output":…}` a partial result, others go to the log. */
export function listenTo(
  stderr: NodeJS.ReadableStream,
  attempt: Attempt<unknown, string>,
): {
  /** Takes what came without an end of its line. Returns the last line that was logged. */
  end(): string;
} {
  let rest = Buffer.alloc(0);
  let logged = 0;
  let last = '';
  const take = (bytes: Buffer) => {
    const line = textOf(bytes);
    const told = line === undefined ? undefined : toldIn(line);
    if (told?.progress) return attempt.progress(told.progress.percent, told.progress.message);
    if (told && isOutput(told.output, attempt)) return;
    const said = line ?? bytes.toString('utf8');
    if (said.trim() === '') return;
    last = said;
    logged += 1;
    // A log may show what cannot be read, if it says so; a caller is not told it.
    if (logged <= MAX_LOGGED_LINES) attempt.log(said, line === undefined ? { is_utf8: false } : undefined);
    else if (logged === MAX_LOGGED_LINES + 1) attempt.log('command_says_more');
  };
  stderr.on('data', (chunk: Buffer) => {
    let bytes = Buffer.concat([rest, chunk]);
    for (let end = bytes.indexOf(NEW_LINE); end >= 0; end = bytes.indexOf(NEW_LINE)) {
      take(bytes.subarray(0, cutOf(bytes.subarray(0, end))));
      bytes = bytes.subarray(end + 1);
    }
    rest = bytes;
    // The end of a line that is too long comes as a line of its own.
    if (rest.length > MAX_LINE) {
      take(rest.subarray(0, cutOf(rest)));
      rest = Buffer.alloc(0);
    }
  });
  return {
    end() {
      take(rest);
      rest = Buffer.alloc(0);
      return last;
    },
  };
}

/** Where a line is cut: not within a character. */
function cutOf(line: Buffer): number {
  let end = Math.min(line.length, MAX_LINE);
  while (end > MAX_LINE - 3 && ((line[end] ?? 0) & 0xc0) === 0x80) end--;
  return end;
}

type Told =
  | { progress: { percent: number; message?: string }; output?: undefined }
  | { progress?: undefined; output: unknown };

/** What a line says that is one JSON object. */
function toldIn(line: string): Told | undefined {
  if (!line.trimStart().startsWith('{')) return undefined;
  try {
    const { percent, message, output } = JSON.parse(line) as Record<string, unknown>;
    if (typeof percent === 'number') {
      return { progress: { percent, ...(typeof message === 'string' ? { message } : {}) } };
    }
    return output === undefined ? undefined : { output };
  } catch {
    return undefined;
  }
}

/** False for one that callers cannot be told, as when it is too large: it is a line then. */
function isOutput(output: unknown, attempt: Attempt<unknown, string>): boolean {
  try {
    attempt.output(output);
    return true;
  } catch {
    return false;
  }
}
