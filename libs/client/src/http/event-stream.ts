import { ConnectionError, ResponseError } from '../errors.ts';
import { sleep } from './deadline.ts';
import { readPieces } from './read-pieces.ts';
import { timeRetries } from './retry.ts';
import { createMessageParser, type ServerSentMessage } from './server-sent-events.ts';
import { type ApiRequest, letGo, type OpenAnswer, type Transport } from './transport.ts';

/*
 * A stream of events that outlives its connections. Whatever ends one – a cut, silence, an end in the middle of an
 * event, a server that stops – the next one continues after the last complete event, by Last-Event-ID. Only a stream
 * that is cut repeatedly without progress, or that is refused, ends with an error.
 */

interface StreamedEvents {
  readonly path: string;
  readonly query?: ApiRequest['query'];
  /** Begins after this event. */
  readonly lastId: string | undefined;
  readonly signal: AbortSignal | undefined;
  /** Called with each position from which the stream could resume. */
  readonly onPlace?: (lastId: string) => void;
}

interface StreamedEvent {
  readonly id: string;
  readonly json: unknown;
}

/** The server's. A connection that said something and lived longer than this does not count as a failure. */
const HEARTBEAT_MS = 15_000;

/** Ends when the server says that nothing more will come (204). The reader may leave at any time. */
export async function* streamEvents(
  transport: Transport,
  wanted: StreamedEvents,
): AsyncGenerator<StreamedEvent, void, void> {
  const retries = timeRetries(transport.retry);
  let { lastId } = wanted;
  let retryMs = 0;
  for (;;) {
    let failure: unknown;
    try {
      const answer = await transport.open(requestOf(wanted, lastId));
      if (answer.response.status === 204) return answer.deadline.release();
      const openedMs = performance.now();
      let isHeard = false;
      try {
        for await (const message of readMessages(answer, transport.streamIdleMs, wanted.signal)) {
          retryMs = message.retryMs ?? retryMs;
          isHeard ||= message.retryMs === undefined;
          if (message.lastId !== '' && message.lastId !== lastId) {
            lastId = message.lastId;
            wanted.onPlace?.(lastId);
            retries.reset();
          }
          if (message.data !== undefined) yield { id: message.lastId, json: readData(message.data) };
        }
      } finally {
        if (isHeard && performance.now() - openedMs > HEARTBEAT_MS) retries.reset();
      }
      failure = new ConnectionError('stream_cut', { detail: 'the event stream was cut off' });
    } catch (error) {
      failure = error;
    }
    await retries.next(failure, wanted.signal);
    await sleep(retryMs * Math.random(), wanted.signal);
  }
}

function requestOf({ path, query, signal }: StreamedEvents, lastId: string | undefined): ApiRequest {
  const place: Record<string, string> = lastId === undefined ? {} : { 'last-event-id': lastId };
  return {
    method: 'GET',
    path,
    signal,
    ...(query === undefined ? {} : { query }),
    headers: { accept: 'text/event-stream', ...place },
  };
}

/** Blocks as they come, none after an abort. */
async function* readMessages(
  answer: OpenAnswer,
  idleMs: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<ServerSentMessage, void, void> {
  const { status, headers } = answer.response;
  const type = headers.get('content-type');
  if (!type?.startsWith('text/event-stream')) {
    letGo(answer);
    const detail = `the answer is ${type}, not an event stream`;
    throw new ResponseError('invalid_response', { detail, status });
  }
  const parse = createMessageParser();
  for await (const piece of readPieces(answer, { idleMs, signal })) {
    for (const message of parse(piece)) {
      signal?.throwIfAborted();
      yield message;
    }
  }
}

function readData(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch (cause) {
    throw new ResponseError('invalid_response', { detail: 'an event in the stream is not JSON', cause });
  }
}
