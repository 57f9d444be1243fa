import type { RecordedEvent } from '@errand/contracts';
import { Refusal } from '../../http/problem.ts';
import { readInstant } from '../../http/read-query.ts';

/** A moment of the past: a version of the log, or a time. */
export type AsOf = { readonly version: number } | { readonly timeMs: number };

/** A caller's clock may be ahead by this much. */
const AHEAD_MS = 60_000;

/** @throws Refusal invalid_input */
export function readAsOf(sent: string, nowMs: number): AsOf {
  if (/^[1-9]\d{0,14}$/.test(sent)) return { version: Number(sent) };
  const timeMs = readInstant(sent).value;
  if (timeMs === undefined) throw refused('format', 'must be a version or an RFC 3339 time');
  if (timeMs > nowMs + AHEAD_MS) throw refused('invalid_parameter', 'must not be in the future');
  return { timeMs };
}

/** Whether an event had happened by then. */
export function hadHappened({ event, version }: RecordedEvent, asOf: AsOf): boolean {
  return 'version' in asOf ? version <= asOf.version : Date.parse(event.time) <= asOf.timeMs;
}

function refused(code: string, detail: string): Refusal {
  return new Refusal('invalid_input', { errors: [{ parameter: 'as_of', code, detail }] });
}
