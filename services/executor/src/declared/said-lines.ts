import type { Attempt } from '@errand/actions';

/** Longer lines are cut. */
const MAX_LINE = 16_384;
/** What a process says beyond that is read and dropped, so that it cannot flood the log. */
const MAX_LOGGED_LINES = 1_000;

/** Takes what a process writes to stderr: `{"percent":…}` lines are its progress, others go to the log. */
export function listenTo(
  stderr: NodeJS.ReadableStream,
  attempt: Attempt<unknown, string>,
): {
  /** Takes what came without an end of its line. Returns the last line that is no progress. */
  end(): string;
} {
  let rest = '';
  let logged = 0;
  let last = '';
  const take = (line: string) => {
    if (line.trim() === '') return;
    const progress = progressIn(line);
    if (progress) return attempt.progress(progress.percent, progress.message);
    last = line;
    logged += 1;
    if (logged <= MAX_LOGGED_LINES) attempt.log('command_said', { line });
    else if (logged === MAX_LOGGED_LINES + 1) attempt.log('command_says_more');
  };
  stderr.setEncoding('utf8');
  stderr.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line.slice(0, MAX_LINE));
    // The end of a line that is too long comes as a line of its own.
    if (rest.length > MAX_LINE) {
      take(rest.slice(0, MAX_LINE));
      rest = '';
    }
  });
  return {
    end() {
      take(rest);
      rest = '';
      return last;
    },
  };
}

function progressIn(line: string): { percent: number; message?: string } | undefined {
  if (!line.trimStart().startsWith('{')) return undefined;
  try {
    const { percent, message } = JSON.parse(line) as { percent?: unknown; message?: unknown };
    if (typeof percent !== 'number') return undefined;
    return { percent, ...(typeof message === 'string' ? { message } : {}) };
  } catch {
    return undefined;
  }
}
