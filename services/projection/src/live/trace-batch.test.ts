import type { RecordedEvent } from '@errand/contracts';
import { REQUEST, record } from '@errand/domain/testing';
import { openTracing } from '@errand/runtime';
import { startReceiver } from '@errand/testkit';
import { expect, test } from 'vitest';
import { traceBatch } from './trace-batch.ts';

interface ExportedSpan {
  readonly name: string;
  readonly kind: number;
  readonly links?: readonly { spanId: string }[];
  readonly droppedLinksCount?: number;
  readonly attributes: readonly { key: string; value: unknown }[];
  readonly status: { code?: number; message?: string };
}

/** One event for each traceparent. */
function batchOf(traceparents: readonly string[]): RecordedEvent[] {
  const [request] = record([{ type: 'JobRequested', data: REQUEST }]);
  if (!request) throw new Error('nothing recorded');
  return traceparents.map((traceparent) => ({ ...request, event: { ...request.event, traceparent } }));
}

const traceparent = (span: number, flags = '01') =>
  `00-${'1'.repeat(32)}-${String(span).padStart(16, '0')}-${flags}`;

/** What an OTLP receiver gets of batches that are taken so. */
async function exportedOf(
  ...batches: { events: RecordedEvent[]; take: () => Promise<number | undefined> }[]
): Promise<ExportedSpan[]> {
  await using receiver = await startReceiver();
  const tracing = await openTracing({
    service: 'test',
    endpoint: receiver.url,
    share: 1,
    onError: (error) => {
      throw error;
    },
  });
  for (const { events, take } of batches) await traceBatch(tracing, events, take).catch(() => {});
  await tracing?.[Symbol.asyncDispose]();
  return receiver.requests.flatMap(({ body }) => JSON.parse(body).resourceSpans[0].scopeSpans[0].spans);
}

test('a batch is one span, with a link to each span that wrote some of it, 128 at most', async () => {
  const written = [traceparent(7), traceparent(7), traceparent(8)];
  const many = Array.from({ length: 200 }, (_, span) => traceparent(span + 1));
  const [few, capped] = await exportedOf(
    { events: batchOf(written), take: async () => 2 },
    { events: batchOf(many), take: async () => 200 },
  );
  expect(few).toMatchObject({ name: 'process JOBS', kind: 5, status: { code: 0 } });
  expect(few?.links?.map(({ spanId }) => Number(spanId))).toEqual([7, 8]);
  expect(few?.attributes).toEqual([
    { key: 'messaging.batch.message_count', value: { intValue: 3 } },
    { key: 'errand.jobs', value: { intValue: 2 } },
  ]);
  expect([capped?.links?.length, capped?.droppedLinksCount]).toEqual([128, 72]);
});

test('a batch of which nothing is traced is none', async () => {
  const untraced = batchOf(['']).map(({ event: { traceparent: _, ...event }, ...rest }) => ({
    ...rest,
    event,
  })) as RecordedEvent[];
  const take = async () => 1;
  expect(
    await exportedOf({ events: batchOf([traceparent(1, '00')]), take }, { events: untraced, take }),
  ).toEqual([]);
});

test('a batch that is not written says so', async () => {
  const events = batchOf([traceparent(1)]);
  const spans = await exportedOf(
    { events, take: async () => undefined },
    { events, take: () => Promise.reject(new Error('Postgres is away')) },
  );
  expect(spans.map(({ status }) => status.message)).toEqual(['position_moved', 'not_written']);
});

test('where nothing is traced, a batch is taken all the same', async () => {
  expect(await traceBatch(undefined, batchOf([traceparent(1)]), async () => 3)).toBe(3);
});
