import { createHash } from 'node:crypto';
import type { Bus } from '@errand/bus';
import { JSON_TYPE, type PayloadRef } from '@errand/contracts';
import type { Logger } from '@errand/runtime';
import { Refusal } from '../http/problem.ts';
import type { Ctx } from '../http/request-log.ts';
import { answerEmpty, dispositionOf, hasTag } from '../http/respond.ts';

interface DownloadDeps {
  readonly bus: { readonly payloads: Pick<Bus['payloads'], 'open'> };
  readonly log: Logger;
}

/**
 * A stored input or result of a job, sent as it is read. Where it cannot be read to its end, the answer breaks off.
 * @throws Refusal, with `gone`; LogUnavailable
 */
export async function answerStored(
  c: Ctx,
  { bus, log }: DownloadDeps,
  {
    ref,
    job,
    gone,
  }: { ref: PayloadRef; job: { tenantId: string; jobId: string }; gone: 'result_gone' | 'input_gone' },
): Promise<Response> {
  const { tenantId, jobId } = job;
  // Whatever an event says, nobody downloads what another job has stored.
  if (!ref.key.startsWith(`${tenantId}/${gone === 'input_gone' ? '' : `${jobId}/`}`)) throw new Refusal(gone);
  const opened = await bus.payloads.open(ref);
  if (opened.kind === 'gone') throw new Refusal(gone);
  const { body } = opened;
  return answerDownload(c, ref, () =>
    streamOf(body, (err) => log.warn({ err, job_id: jobId }, 'download_broke')),
  );
}

/** A value that an event holds. */
export function answerInline(c: Ctx, value: unknown): Response {
  const json = Buffer.from(JSON.stringify(value ?? null));
  const sha256 = createHash('sha256').update(json).digest('hex');
  return answerDownload(c, { bytes: json.length, sha256, content_type: JSON_TYPE }, () => json);
}

/** A file was made from what a caller sent, so a browser must neither guess what it is nor run what is in it. */
function answerDownload(
  c: Ctx,
  file: Pick<PayloadRef, 'bytes' | 'sha256' | 'content_type' | 'filename'>,
  bodyOf: () => ReadableStream<Uint8Array> | Buffer<ArrayBuffer>,
): Response {
  const etag = `"${file.sha256}"`;
  const known = { etag, 'cache-control': 'private, no-cache' };
  if (hasTag(c.req.raw.headers.get('if-none-match'), etag)) return answerEmpty(c, 304, known);
  return new Response(c.req.method === 'HEAD' ? null : bodyOf(), {
    headers: {
      ...known,
      'content-type': file.content_type,
      'content-length': String(file.bytes),
      'content-disposition': dispositionOf(file.filename),
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox",
      'x-request-id': c.env.requestId,
    },
  });
}

/** Reads as fast as the caller does, and no more once the caller is gone. */
function streamOf(
  body: AsyncIterable<Uint8Array>,
  onError: (error: unknown) => void,
): ReadableStream<Uint8Array> {
  const pieces = body[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await pieces.next();
          if (done) controller.close();
          else controller.enqueue(value);
        } catch (error) {
          onError(error);
          controller.error(error);
        }
      },
      async cancel() {
        await pieces.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}
