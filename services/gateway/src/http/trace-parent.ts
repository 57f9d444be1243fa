/** W3C Trace Context 1, 3.2.2: version ff and ids of nothing but zeros are invalid. */
const TRACE_PARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const LENGTH = 55;

/** The header's value if it is well-formed and short enough to be carried by every event, else undefined. */
export function traceParentOf(header: string | null): string | undefined {
  if (header === null || header.length > 100 || !TRACE_PARENT.test(header.slice(0, LENGTH))) return undefined;
  // Versions after 00 may append fields.
  const isWhole = header.length === LENGTH || (header[LENGTH] === '-' && !header.startsWith('00'));
  return isWhole ? header : undefined;
}
