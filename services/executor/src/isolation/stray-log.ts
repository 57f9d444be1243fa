import type { Logger } from '@errand/runtime';
import type { OnStray } from './guard-process.ts';

/** So that an action that throws for ever does not flood the log. */
const LINES_A_MINUTE = 60;
const MINUTE_MS = 60_000;

/** Logs the errors that nobody caught and nobody is charged with, up to so many a minute, and counts all of them. */
export function createStrayLog(options: { log: Logger; count: () => void; now?: () => number }): {
  report: OnStray;
} {
  const { log, count, now = performance.now.bind(performance) } = options;
  let minuteEndsAt = 0;
  let lines = 0;
  return {
    report({ cause, jobId }) {
      count();
      if (now() >= minuteEndsAt) {
        minuteEndsAt = now() + MINUTE_MS;
        lines = 0;
      }
      lines += 1;
      // The job in whose context it was thrown. It has ended, or may have nothing to do with it.
      const about = { cause, ...(jobId === undefined ? {} : { job_id: jobId }) };
      if (lines <= LINES_A_MINUTE) log.error(about, 'stray_error');
      else if (lines === LINES_A_MINUTE + 1) log.error('stray_errors_go_on');
    },
  };
}
