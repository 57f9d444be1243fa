import { ConnectionError, ErrandError, ResponseError } from '../errors.ts';
import { path } from '../http/path.ts';
import { readPieces } from '../http/read-pieces.ts';
import { letGo, type OpenAnswer, type Transport } from '../http/transport.ts';
import { createSha256, type Sha256 } from '../webhooks/sha256.ts';
import { idOf, type JobRef } from './job.ts';
import type { CallOptions } from './run.ts';

/** No runtime has longer strings. */
const MAX_JSON_BYTES = 2 ** 29;

/**
 * A job's result or input while it is being downloaded. Its body can be read once, in one of the three ways; at the end it is
 * checked against its SHA-256, and fails with `broken_download` if it differs.
 */
export interface ResultDownload<R = unknown> {
  readonly contentType: string;
  /** Null for a result that is not a file. */
  readonly filename: string | null;
  /** Null if a proxy left it out, or compressed the body. */
  readonly bytes: number | null;
  /** In lower-case hex; null if a proxy changed the answer. */
  readonly sha256: string | null;
  /** The pieces as they come. Until the end, what has been read is not yet verified. */
  readonly stream: () => ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly arrayBuffer: () => Promise<ArrayBuffer>;
  readonly json: () => Promise<R>;
  /**
   * Releases the connection and the caller's signal, which a download holds until it has been read; `await using` does
   * so, too. Repeating it has no effect.
   */
  readonly cancel: () => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

/**
 * @throws ErrandError `not_ended`, `no_result` (the job did not succeed), `result_gone`; of an input `input_gone`
 */
export async function download<R>(
  transport: Transport,
  job: JobRef,
  { what, signal }: CallOptions & { what: 'input' | 'result' },
): Promise<ResultDownload<R>> {
  const answer = await transport.openPatiently({
    ...{ method: 'GET', path: path`/jobs/${idOf(job)}/${what}`, headers: { accept: '*/*' }, signal },
  });
  const { headers } = answer.response;
  const isCoded = headers.has('content-encoding');
  const length = headers.get('content-length');
  const sha256 = /^(?:W\/)?"([0-9a-f]{64})"$/.exec(headers.get('etag') ?? '')?.[1] ?? null;
  const stream = () => checkedStream(answer, { sha256, idleMs: transport.streamIdleMs, signal });
  const arrayBuffer = async () => readAll(stream(), Number.POSITIVE_INFINITY);
  const cancel = async () => letGo(answer);
  return {
    contentType: headers.get('content-type') ?? 'application/octet-stream',
    filename: filenameOf(headers.get('content-disposition') ?? ''),
    bytes: length === null || isCoded ? null : Number(length),
    sha256,
    stream,
    arrayBuffer,
    json: async () => readJson(await readAll(stream(), MAX_JSON_BYTES)),
    cancel,
    [Symbol.asyncDispose]: cancel,
  };
}

function checkedStream(
  answer: OpenAnswer,
  expected: { sha256: string | null; idleMs: number; signal: AbortSignal | undefined },
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const digest = createSha256();
  const pieces = readPieces(answer, expected);
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        try {
          const { done, value } = await pieces.next();
          if (!done) {
            digest.update(value);
            return controller.enqueue(value);
          }
          assertWhole(digest, expected.sha256);
          controller.close();
        } catch (error) {
          controller.error(error instanceof ErrandError ? brokenBy(error) : error);
        }
      },
      cancel: () => letGo(answer),
    },
    { highWaterMark: 0 },
  );
}

/** For a stream that fails, a Response in a browser reports only a `network error`. */
async function readAll(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  maxBytes: number,
): Promise<ArrayBuffer> {
  const reader = stream.getReader();
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return new Blob(pieces).arrayBuffer();
    bytes += value.length;
    if (bytes > maxBytes) {
      await reader.cancel();
      const detail = `the JSON result exceeds ${maxBytes} bytes: read its stream`;
      throw new ResponseError('invalid_response', { detail });
    }
    pieces.push(value);
  }
}

function assertWhole(digest: Sha256, sha256: string | null): void {
  if (sha256 === null || digest.hex() === sha256) return;
  const detail = 'the result does not match its SHA-256';
  throw new ConnectionError('broken_download', { detail });
}

function brokenBy(failure: ErrandError): ErrandError {
  if (failure.code === 'broken_download') return failure;
  const detail = `the result was cut off: ${failure.detail}`;
  return new ConnectionError('broken_download', { detail, cause: failure });
}

function readJson<R>(bytes: ArrayBuffer): R {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as R;
  } catch (cause) {
    throw new ResponseError('invalid_response', { detail: 'the result is not JSON', cause });
  }
}

/** The exact form of a name (RFC 8187) takes precedence over its ASCII one. */
function filenameOf(disposition: string): string | null {
  const exact = /filename\*=UTF-8''([^;]+)/i.exec(disposition)?.[1];
  try {
    if (exact !== undefined) return decodeURIComponent(exact);
  } catch {
    // Not percent-encoded UTF-8 after all.
  }
  return /filename="([^"]*)"/i.exec(disposition)?.[1] ?? null;
}
