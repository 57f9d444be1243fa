import { type AppendRequest, type Lead, type LedOutcome, LogUnavailable } from '@errand/bus';
import { expect, test } from 'vitest';
import { createLedRequests } from './led-requests.ts';

const request = (jobId: string) => ({ ref: { tenantId: 't', action: 'a', jobId } }) as AppendRequest;

/** A log that stores all, or nothing where a lead or a job is not as the writer says. */
function createLog() {
  const jobs = new Set<string>();
  let version = 1;
  let late: (() => void) | undefined;
  return {
    jobs,
    /** The next batch is stored, once `arrive` is called, after its writer has given up on it. */
    delayNext() {
      late = () => {};
    },
    arrive: () => late?.(),
    async append(lead: Lead, requests: readonly AppendRequest[]): Promise<LedOutcome> {
      const store = (): LedOutcome => {
        const isRefused = lead.version !== version || requests.some(({ ref }) => jobs.has(ref.jobId));
        if (isRefused) return { kind: 'refused' };
        for (const { ref } of requests) jobs.add(ref.jobId);
        return { kind: 'appended', lead: { ...lead, version: ++version } };
      };
      if (!late) return store();
      late = () => {
        late = undefined;
        store();
      };
      return { kind: 'unknown' };
    },
    readLead: async () => ({ leaderId: 'own', version }),
  };
}

test('a request counts as there only if it is, also behind a batch that came late', async () => {
  const log = createLog();
  const led = createLedRequests(log, { leaderId: 'own', version: 1 });
  log.delayNext();
  await expect(led.append(request('late'))).rejects.toThrow(LogUnavailable);
  log.arrive();
  await expect(led.append(request('next'))).rejects.toThrow(LogUnavailable);
  expect([...log.jobs]).toEqual(['late']);
  expect((await led.append(request('next'))).kind).toBe('appended');
});

test('of several requests, one that is there already keeps no other one from the log', async () => {
  const log = createLog();
  const led = createLedRequests(log, { leaderId: 'own', version: 1 });
  await led.append(request('there'));
  const outcomes = await Promise.allSettled(
    ['before', 'there', 'after'].map((id) => led.append(request(id))),
  );
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect([...log.jobs]).toEqual(['there', 'before', 'after']);
});
