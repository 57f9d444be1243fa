import { randomUUID } from 'node:crypto';
import type { Bus } from '@errand/bus';
import { connectionOf } from '@errand/bus/testing';
import { ALL_JOB_EVENTS, JOBS_STREAM, type RecordedEvent } from '@errand/contracts';

/** The part of JetStream's answer to STREAM.INFO that the tests use. */
interface StreamInfo {
  readonly state: { readonly messages: number; readonly last_seq: number };
  /** Absent on a server that is not clustered. */
  readonly cluster?: {
    readonly leader?: string;
    readonly replicas?: readonly { readonly name: string; readonly current: boolean }[];
  };
}

/** Asks JetStream about JOBS. Rejects while the stream has no leader. */
export async function jobsStreamInfo(bus: Bus): Promise<StreamInfo> {
  const answer = await connectionOf(bus).request(`$JS.API.STREAM.INFO.${JOBS_STREAM}`, '', {
    timeout: 1_000,
  });
  const info = answer.json<StreamInfo & { error?: { description: string } }>();
  if (info.error) throw new Error(info.error.description);
  return info;
}

/**
 * Every event that JOBS holds at this moment, in the order of the log. Rejects if a message cannot be read: the calling
 * tests are the only writers.
 */
export async function readWholeLog(bus: Bus): Promise<RecordedEvent[]> {
  const wanted = (await jobsStreamInfo(bus)).state.messages;
  if (wanted === 0) return [];
  const consumer = {
    stream: JOBS_STREAM,
    name: `e2e-${randomUUID()}`,
    filterSubjects: [ALL_JOB_EVENTS],
    maxAckPending: 10_000,
    ackWaitMs: 30_000,
  };
  await bus.consumers.provision(consumer);
  const events = new Map<number, RecordedEvent>();
  const stop = new AbortController();
  const unreadable: string[] = [];
  await bus.consumers.batches({
    consumer,
    maxBatch: 1_000,
    signal: stop.signal,
    onError: (error) => stop.abort(error),
    onUnreadable: ({ version, reason }) => {
      unreadable.push(`${version}: ${reason}`);
      if (unreadable.length + events.size >= wanted) stop.abort();
    },
    handle: async (batch) => {
      for (const recorded of batch) events.set(recorded.version, recorded);
      if (unreadable.length + events.size >= wanted) stop.abort();
    },
  });
  if (unreadable.length > 0) throw new Error(`unreadable messages in the log: ${unreadable.join('; ')}`);
  return [...events.values()].sort((a, b) => a.version - b.version);
}
