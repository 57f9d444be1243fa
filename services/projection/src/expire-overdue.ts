import { randomUUIDv7 } from 'node:crypto';
import type { Bus } from '@errand/bus';
import { toJobEvent } from '@errand/contracts';
import { decide, foldJob } from '@errand/domain';
import type { Db } from '@errand/postgres';
import { findOverdue } from './job-summary-table.ts';

/**
 * Ends the jobs whose `start_by` or `finish_by` has passed, whether an executor is alive or not. The table says which
 * may be overdue, the log says which are; several projections may do this at once, and one of them writes. Resolves
 * with how many were ended here.
 */
export async function expireOverdue(deps: {
  db: Db;
  bus: Pick<Bus, 'append' | 'readJob'>;
  nowMs: number;
}): Promise<number> {
  const overdue = await findOverdue(deps.db, { nowMs: deps.nowMs, limit: PAGE });
  const expired = await Promise.allSettled(overdue.map((ref) => expire(ref, deps)));
  return expired.filter((each) => each.status === 'fulfilled' && each.value).length;
}

const PAGE = 200;

async function expire(
  ref: { tenantId: string; action: string; jobId: string },
  { bus, nowMs }: { bus: Pick<Bus, 'append' | 'readJob'>; nowMs: number },
): Promise<boolean> {
  const events = await bus.readJob(ref);
  const state = foldJob(events);
  const decision = decide({ type: 'expireJob', nowMs }, state);
  if (decision.kind === 'rejected' || !state) return false;
  const request = events.find(({ event }) => event.type === 'JobRequested');
  const event = toJobEvent(decision.fact, {
    id: randomUUIDv7(),
    jobId: ref.jobId,
    source: '/errand/projection',
    timeMs: nowMs,
    traceparent: request?.event.traceparent,
  });
  // After a lost race the next sweep looks again.
  const outcome = await bus.append({ ref, event, expectedVersion: state.version });
  return outcome.kind === 'appended';
}
