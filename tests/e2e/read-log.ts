import type { Bus } from '@errand/bus';
import { connectionOf } from '@errand/bus/testing';
import { JOBS_STREAM, type RecordedEvent } from '@errand/contracts';

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
  const events: RecordedEvent[] = [];
  for await (const { decoded } of bus.jobs.readAll({ afterVersion: 0, pageSize: 1_000 })) {
    for (const each of decoded) {
      if (each.kind === 'event') events.push(each.recorded);
      else throw new Error(`an unreadable message in the log: ${each.version}: ${each.reason}`);
    }
  }
  return events;
}
