import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectionOf } from '@errand/bus/testing';
import { executorConsumerName, JOBS_STREAM, MAX_LIVE_CONTRACTS, type RecordedEvent } from '@errand/contracts';
import { isEnding } from '../e2e/chain-check.ts';

const TIMEOUT_MS = 5_000;

/**
 * Writes into `dir` what NATS knows of jobs that have not ended: under which subjects their events are stored, and how far the
 * consumers of their actions are. Its data are gone when the run is over.
 */
export async function keepStranded(
  bus: object,
  log: ReadonlyMap<string, readonly RecordedEvent[]>,
  dir: string,
): Promise<void> {
  const stranded = [...log.values()].filter((events) => !events.some(({ event }) => isEnding(event.type)));
  if (stranded.length === 0) return;
  const nc = connectionOf(bus);
  const ask = async (subject: string, body: object = {}): Promise<unknown> => {
    try {
      return (await nc.request(`$JS.API.${subject}`, JSON.stringify(body), { timeout: TIMEOUT_MS })).json();
    } catch (error) {
      return String(error);
    }
  };
  const jobs = stranded.map(async (events) => {
    const { jobId, action = '' } = events[0]?.ref ?? {};
    const slots = Array.from({ length: MAX_LIVE_CONTRACTS }, (_, slot) => executorConsumerName(action, slot));
    return {
      jobId,
      messages: await Promise.all(
        events.map(({ version }) => ask(`STREAM.MSG.GET.${JOBS_STREAM}`, { seq: version })),
      ),
      consumers: await Promise.all(slots.map((name) => ask(`CONSUMER.INFO.${JOBS_STREAM}.${name}`))),
    };
  });
  const found = { stream: await ask(`STREAM.INFO.${JOBS_STREAM}`), jobs: await Promise.all(jobs) };
  await writeFile(join(dir, 'stranded.json'), JSON.stringify(found, null, 2));
}
