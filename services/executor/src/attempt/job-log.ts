import type { Logger } from '@errand/runtime';

/** A log whose lines say which job they are about. It is made by the first line, since most attempts write none. */
export interface JobLog {
  (): Logger;
  readonly about: Readonly<Record<string, unknown>>;
}

export function createJobLog(log: Logger, about: JobLog['about']): JobLog {
  let own: Logger | undefined;
  return Object.assign(() => (own ??= log.child({ ...about })), { about });
}
