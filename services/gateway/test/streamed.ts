import type { TestGateway } from './gateway.ts';

export interface StreamedEvent {
  readonly id: number;
  readonly event: string;
  readonly data: { type: string; version: number; data: Record<string, unknown> };
}

/** Reads a stream of events as a browser does. */
export async function openStream(
  gateway: Pick<TestGateway, 'url' | 'apiKey'>,
  path: string,
  headers: Record<string, string> = {},
) {
  const leaving = new AbortController();
  const response = await fetch(gateway.url + path, {
    headers: { authorization: `Bearer ${gateway.apiKey}`, accept: 'text/event-stream', ...headers },
    signal: leaving.signal,
  });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  const frames: string[] = [];
  async function nextFrame(): Promise<string | undefined> {
    for (;;) {
      const end = text.indexOf('\n\n');
      if (end !== -1) {
        const frame = text.slice(0, end);
        text = text.slice(end + 2);
        frames.push(frame);
        return frame;
      }
      const read = await reader?.read();
      if (!read || read.done) return undefined;
      text += read.value;
    }
  }
  async function next(): Promise<StreamedEvent | undefined> {
    for (;;) {
      const frame = await nextFrame();
      if (frame === undefined) return undefined;
      const found = /^id: (\d+)\nevent: (\w+)\ndata: (.*)$/.exec(frame);
      if (found) return { id: Number(found[1]), event: found[2] ?? '', data: JSON.parse(found[3] ?? '') };
    }
  }
  async function rest(): Promise<StreamedEvent[]> {
    const events: StreamedEvent[] = [];
    for (let event = await next(); event; event = await next()) events.push(event);
    return events;
  }
  return { response, frames, nextFrame, next, rest, leave: () => leaving.abort() };
}
