import { randomUUIDv7 } from 'node:crypto';
import {
  eventSubject,
  isLeadSubject,
  type JobEventType,
  parseJobSubject,
  type RecordedEvent,
} from '@errand/contracts';
import { parkUnreadable } from '../consume/dead-letters.ts';
import type { Connection } from '../consume/pulls.ts';
import { encodeEvent, type Unreadable } from '../read/event-codec.ts';
import type { AuditEntry } from '../read/read-audit.ts';
import type { OrderedReadOptions, Step } from './options.ts';
import { persist } from './persist.ts';

/** An event as it comes from the log, which is decoded if somebody wants it. */
export interface Arrived {
  readonly subject: string;
  readonly version: number;
  decode(): AuditEntry['decoded'];
  body(): Uint8Array;
}

/** Makes batches durable, one after the other. */
export interface Taker {
  /** Of batches, once they are durable; false once the turn is over. */
  take(events: readonly RecordedEvent[], step: Step): Promise<boolean>;
  takeArrived(batch: readonly Arrived[], step: Step): Promise<boolean>;
  /** Takes an event that was parked. */
  takeOne(recorded: RecordedEvent): Promise<void>;
  /** The version up to which everything is durable, as far as this turn knows. */
  readonly settled: number;
}

export function createTaker({ nc }: Connection, options: OrderedReadOptions): Taker {
  const { reader } = options;
  let settled = 0;

  async function park(event: Unreadable, body: Uint8Array, occasion?: string): Promise<boolean> {
    options.onUnreadable(event);
    const parked = async () => {
      await parkUnreadable(nc, reader.name, event, body, occasion);
      return true as const;
    };
    return (await persist(parked, options)) ?? false;
  }

  async function takeOrSplit(events: readonly RecordedEvent[], step: Step | undefined): Promise<boolean> {
    let reason: string | undefined;
    const isTaken = await persist(async () => {
      try {
        return { taken: await options.take(events, step) };
      } catch (error) {
        reason = options.refusal?.(error);
        if (reason === undefined || events.length === 0) throw error;
        return { taken: false };
      }
    }, options);
    if (reason === undefined) return isTaken?.taken ?? false;
    const [only] = events;
    if (events.length === 1 && only) {
      const subject = eventSubject(only.ref, only.event);
      const unreadable = { kind: 'unreadable', subject, version: only.version, reason } as const;
      // What was parked before is parked another time.
      const occasion = step ? undefined : randomUUIDv7();
      if (!(await park(unreadable, encodeEvent(only.event), occasion))) return false;
      return step === undefined || takeOrSplit([], step);
    }
    // One bad event must not keep the others out.
    let from = step?.from ?? 0;
    for (const [index, event] of events.entries()) {
      const to = index === events.length - 1 ? (step?.to ?? 0) : event.version;
      if (!(await takeOrSplit([event], step && { from, to }))) return false;
      from = to;
    }
    return true;
  }

  async function take(events: readonly RecordedEvent[], step: Step): Promise<boolean> {
    const isTaken = await takeOrSplit(events, step);
    if (isTaken) settled = step.to;
    return isTaken;
  }

  return {
    take,
    async takeArrived(batch, step) {
      const isOfInterest = await persist(options.interest ?? (async () => () => true), options);
      if (!isOfInterest) return false;
      const events: RecordedEvent[] = [];
      for (const each of batch) {
        if (isLeadSubject(each.subject)) continue;
        const { ref, type } = parseJobSubject(each.subject) ?? {};
        if (ref && ((reader.types && !isOneOf(reader.types, type)) || !isOfInterest(ref))) continue;
        const decoded = each.decode();
        if (decoded.kind === 'event') events.push(decoded.recorded);
        else if (!(await park(decoded, each.body()))) return false;
      }
      return take(events, step);
    },
    async takeOne(recorded) {
      await takeOrSplit([recorded], undefined);
    },
    get settled() {
      return settled;
    },
  };
}

function isOneOf(types: readonly JobEventType[], type: JobEventType | undefined): boolean {
  return type !== undefined && types.includes(type);
}
