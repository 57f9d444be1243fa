/** The highest version of any number of events: a call takes some 100,000 arguments at most. 0 for none. */
export function newestVersion(events: Iterable<{ readonly version: number }>): number {
  let newest = 0;
  for (const { version } of events) newest = Math.max(newest, version);
  return newest;
}
