import { createHash } from 'node:crypto';
import { JSON_TYPE, type PayloadRef } from '@errand/contracts';
import { isEnded, type JobState } from '@errand/domain';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import type { Ctx } from '../http/request-log.ts';
import { answerEmpty, dispositionOf, hasTag } from '../http/respond.ts';
import * as parameters from '../openapi/parameters.ts';
import { findJob } from './find-job.ts';
import { readJobQuery } from './job-query.ts';
import type { JobsGroup } from './jobs-group.ts';

/**
 * What the job came to, as a download. A file is sent as it was made; where it cannot be read to its end, the
 * answer breaks off. Any other result is sent as JSON.
 */
export const downloadResult = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/jobs/{job_id}/result',
  key: 'tenant',
  scope: 'jobs:read',
  query: 'none',
  id: 'downloadResult',
  tag: 'Jobs',
  summary: "A job's result",
  description: 'A file as it was made, any other result as JSON. Its SHA-256 is the `ETag`.',
  parameters: [parameters.tenantId, parameters.jobId, parameters.ifNoneMatch],
  answers: {
    200: {
      description: 'The result.',
      content: {
        'application/json': { schema: {} },
        '*/*': { schema: { type: 'string', format: 'binary' } },
      },
      headers: ['ETag', 'Content-Disposition'],
    },
    304: { description: 'The caller has it already.', headers: ['ETag'] },
  },
  problems: [
    'unknown_job',
    'no_result',
    'not_ended',
    'job_expired',
    'result_gone',
    'history_out_of_reach',
    'invalid_input',
  ],
  handle:
    ({ jobs }: JobsGroup) =>
    async (c, { tenantId }) => {
      const { jobId } = readJobQuery({ jobId: c.req.param('job_id') }, jobs.now());
      c.env.jobId = jobId;
      const state = await findJob(jobs, { tenantId, jobId, action: undefined, minVersion: 0 });
      c.env.action = state.action;
      const { status } = state.phase.value;
      if (!isEnded(status)) throw new Refusal('not_ended', { detail: `The job is ${status}.` });
      if (status !== 'succeeded') throw new Refusal('no_result');
      const { result, resultRef } = state.outcome.value;
      return resultRef ? answerFile(c, jobs, { ref: resultRef, state }) : answerInline(c, result);
    },
});

/** @throws Refusal result_gone; LogUnavailable */
async function answerFile(
  c: Ctx,
  { bus, log }: JobsGroup['jobs'],
  { ref, state }: { ref: PayloadRef; state: JobState },
): Promise<Response> {
  const { tenantId, jobId } = state;
  // Whatever an event says, nobody downloads what another job has stored.
  if (!ref.key.startsWith(`${tenantId}/${jobId}/`)) throw new Refusal('result_gone');
  const opened = await bus.payloads.open(ref);
  if (opened.kind === 'gone') throw new Refusal('result_gone');
  const { body } = opened;
  return answerDownload(c, ref, () =>
    streamOf(body, (err) => log.warn({ err, job_id: jobId }, 'download_broke')),
  );
}

function answerInline(c: Ctx, result: unknown): Response {
  const json = Buffer.from(JSON.stringify(result ?? null));
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
