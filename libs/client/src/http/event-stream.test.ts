import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { startDeadline } from './deadline.ts';
import { streamEvents } from './event-stream.ts';
import { DEFAULT_RETRY } from './retry.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Opens streams that say one thing after 7 s and are cut after another time. */
function cuttingTransport(said: string, livesMs: number) {
  const opened: number[] = [];
  const open = async () => {
    opened.push(performance.now());
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        setTimeout(() => controller.enqueue(new TextEncoder().encode(said)), 7_000);
        setTimeout(() => controller.close(), livesMs);
      },
    });
    const response = new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    return { response, deadline: startDeadline(undefined) };
  };
  const never = () => Promise.reject(new Error('only streams are opened'));
  return { opened, open, openPatiently: never, json: never, retry: DEFAULT_RETRY, streamIdleMs: 60_000 };
}

const HOUR_MS = 3_600_000;

async function readForAnHour(transport: ReturnType<typeof cuttingTransport>) {
  const controller = new AbortController();
  const wanted = { path: '/events', lastId: undefined, signal: controller.signal };
  const reading = streamEvents(transport, wanted)
    .next()
    .catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(HOUR_MS);
  controller.abort(new Error('still reading'));
  await vi.runAllTimersAsync();
  return reading;
}

test('a quiet stream that is cut repeatedly, but lives longer than a heartbeat in between, continues', async () => {
  const transport = cuttingTransport(':\n\n', 20_000);
  expect(await readForAnHour(transport)).toMatchObject({ message: 'still reading' });
  expect(transport.opened.length).toBeGreaterThan(100);
});

test('one that is cut sooner, or has only sent a retry time, ends with an error', async () => {
  for (const transport of [cuttingTransport(':\n\n', 10_000), cuttingTransport('retry: 10\n\n', 20_000)]) {
    expect(await readForAnHour(transport)).toMatchObject({ code: 'stream_cut' });
    expect(transport.opened.length).toBeLessThan(10);
  }
});
