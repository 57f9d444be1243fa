import type { RecordedEvent } from '@errand/contracts';
import { isSampled, type Tracing } from '@errand/runtime';

/**
 * Takes a batch, as a span of its own: it belongs to no job, so it links to what wrote its events, where that is traced. Of many
 * links OpenTelemetry keeps 128, and counts the others.
 * Resolves as `take` does: with how many jobs have changed, or undefined if nothing is written.
 */
export async function traceBatch(
  tracing: Tracing | undefined,
  batch: readonly RecordedEvent[],
  take: () => Promise<number | undefined>,
): Promise<number | undefined> {
  const links = tracing ? linksOf(batch) : [];
  if (!tracing || links.length === 0) return take();
  const attributes = { 'messaging.batch.message_count': batch.length };
  const span = tracing.begin('process JOBS', { kind: 'consumer', links, attributes });
  try {
    const jobs = await take();
    span.set({ 'errand.jobs': jobs });
    span.end(jobs === undefined ? 'position_moved' : undefined);
    return jobs;
  } catch (error) {
    span.end('not_written');
    throw error;
  }
}

function linksOf(batch: readonly RecordedEvent[]): string[] {
  const links = new Set<string>();
  for (const { event } of batch) {
    if (event.traceparent !== undefined && isSampled(event.traceparent)) links.add(event.traceparent);
  }
  return [...links];
}
