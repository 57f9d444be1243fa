import type { Ctx } from '../http/request-log.ts';

const PACE = { soonMs: 20_000, beatMs: 10_000 };
const encoder = new TextEncoder();

/**
 * Answers a call whose answer may take many minutes, through proxies that take silence for death. What is there within
 * 20 seconds is answered as usual, errors too. From then on the answer is a 200 whose body begins with spaces, which JSON
 * allows, one every 10 seconds; if the call fails after that, the body ends in the middle.
 */
export async function answerSlowly(c: Ctx, body: Promise<unknown>, pace = PACE): Promise<Response> {
  const { promise: soon, resolve } = Promise.withResolvers<'late'>();
  const timer = setTimeout(resolve, pace.soonMs, 'late');
  const headers = {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'x-request-id': c.env.requestId,
  };
  try {
    const first = await Promise.race([body.then((value) => ({ value })), soon]);
    if (first !== 'late') return new Response(JSON.stringify(first.value), { headers });
  } finally {
    clearTimeout(timer);
  }
  let beating: NodeJS.Timeout | undefined;
  const stream = new ReadableStream<Uint8Array>({
    async start(controller) {
      beating = setInterval(() => controller.enqueue(encoder.encode(' ')), pace.beatMs);
      try {
        const text = JSON.stringify(await body);
        controller.enqueue(encoder.encode(text));
        controller.close();
      } catch (error) {
        controller.error(error);
      } finally {
        clearInterval(beating);
      }
    },
    cancel: () => clearInterval(beating),
  });
  return new Response(stream, { headers });
}
