import { createHash } from 'node:crypto';
import { text } from 'node:stream/consumers';
import type { JobRef, PayloadRef } from '@errand/contracts';
import { rawNatsRequest } from '@errand/testkit';
import { describe, expect, test } from 'vitest';
import { bus, jobs, nats, startForFile } from './executor.ts';
import { piecesOf } from './fixtures/files.ts';

const MAX_RESULT_BYTES = 3_000_000;
startForFile({ executor: 'file', env: { ERRAND_MAX_RESULT_BYTES: String(MAX_RESULT_BYTES) } });

async function outcomeOf(action: string, input: unknown, inputRef?: PayloadRef) {
  const ref = await jobs.request(action, input, inputRef ? { inputRef } : {});
  const { outcome, phase } = await jobs.ended(ref);
  return { ref, status: phase.value.status, ...outcome.value };
}

async function stored(ref: PayloadRef | undefined): Promise<AsyncIterable<Uint8Array>> {
  const opened = ref && (await bus.payloads.open(ref));
  if (opened?.kind !== 'payload') throw new Error('nothing is stored');
  return opened.body;
}

async function sha256(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of body) hash.update(piece);
  return hash.digest('hex');
}

const putJson = (value: unknown) =>
  bus.payloads.put({
    tenantId: 'acme',
    jobId: 'j',
    contentType: 'application/json',
    body: [Buffer.from(JSON.stringify(value))],
  });

describe.each(['file', 'file_in_thread'])('an action that saves a file (%s)', (action) => {
  test('ends with where it lies, byte by byte what was made', async () => {
    const { resultRef, result, ref } = await outcomeOf(action, { pieces: 5, piece_bytes: 300_001 });
    expect(result).toBeNull();
    expect(resultRef).toMatchObject({
      bytes: 5 * 300_001,
      content_type: 'application/octet-stream',
      filename: 'Angebot für Müller.bin',
    });
    expect(resultRef?.key).toContain(`acme/${ref.jobId}/`);
    expect(await sha256(await stored(resultRef))).toBe(await sha256(piecesOf(5, 300_001)));
  });

  test('may save an empty one', async () => {
    const { resultRef } = await outcomeOf(action, { pieces: 0 });
    expect(resultRef?.bytes).toBe(0);
    expect(await sha256(await stored(resultRef))).toBe(await sha256([]));
  });

  test.each([
    ['larger than results may be', { pieces: 4, piece_bytes: 1_000_000 }, 'result_too_large'],
    ['that breaks while it is made', { how: 'break' }, 'action_failed'],
    ['that it only claims to have saved', { how: 'forge' }, 'invalid_result'],
    ['with a name that is a path', { how: 'misname' }, 'invalid_result'],
  ])('fails with a file %s', async (_, input, code) => {
    const { status, errors } = await outcomeOf(action, input);
    expect([status, errors[0]?.code]).toEqual(['failed', code]);
  });
});

describe('large JSON', () => {
  test('is a result that lies apart', async () => {
    const { resultRef, result } = await outcomeOf('echo', { text: 'é', times: 200_000 });
    expect(result).toBeNull();
    expect(resultRef?.content_type).toBe('application/json');
    expect(await text(await stored(resultRef))).toBe(JSON.stringify({ text: 'é'.repeat(200_000) }));
  });

  test('is a result inside its event up to the limit', async () => {
    // {"text":"…"} is 11 characters around the text.
    const { result, resultRef } = await outcomeOf('echo', { text: 'x', times: 262_144 - 11 });
    expect(resultRef).toBeUndefined();
    expect(JSON.stringify(result)).toHaveLength(262_144);
    expect((await outcomeOf('echo', { text: 'x', times: 262_144 - 10 })).resultRef?.bytes).toBe(262_145);
  });

  test('fails as a result that is larger than results may be', async () => {
    const { errors } = await outcomeOf('echo', { text: 'x', times: MAX_RESULT_BYTES });
    expect(errors).toMatchObject([{ code: 'result_too_large', details: [{ max_bytes: MAX_RESULT_BYTES }] }]);
  });

  test('is loaded where it is an input', async () => {
    const inputRef = await putJson({ text: 'far away' });
    expect((await outcomeOf('echo', undefined, inputRef)).result).toEqual({ text: 'far away' });
  });

  test('ends the job as an input that is gone, or is not what was stored', async () => {
    const inputRef = await putJson({ text: 'far away' });
    const broken = await outcomeOf('echo', undefined, { ...inputRef, sha256: '0'.repeat(64) });
    await bus.payloads.delete(inputRef);
    const gone = await outcomeOf('echo', undefined, inputRef);
    expect([broken, gone].map(({ errors }) => errors[0]?.code)).toEqual(['input_gone', 'input_gone']);
  });
});

describe.each(['peek', 'peek_in_thread'])('an action that reads the result of another job (%s)', (action) => {
  const seen = async (ref: Pick<JobRef, 'jobId'>) => (await outcomeOf(action, { job_id: ref.jobId })).result;

  test('sees results, also those that lie apart', async () => {
    const small = await outcomeOf('echo', { text: 'a' });
    const resource = { sum_id: 's-1' };
    const succeeded = { kind: 'succeeded', action: 'echo', resource };
    expect(await seen(small.ref)).toEqual({ ...succeeded, result: { text: 'a' } });
    const large = await outcomeOf('echo', { text: 'x', times: 300_000 });
    const { ref } = await outcomeOf(action, { job_id: large.ref.jobId });
    const read = await stored((await jobs.ended(ref)).outcome.value.resultRef);
    expect(JSON.parse(await text(read))).toMatchObject(succeeded);
    const purge = { filter: `jobs.acme.echo.${small.ref.jobId}.>` };
    await rawNatsRequest(nats.url, '$JS.API.STREAM.PURGE.JOBS', purge);
    expect(await seen(small.ref)).toEqual({ ...succeeded, result: { text: 'a' } });
  });

  test('is told why there is none', async () => {
    const failed = await outcomeOf('misbehave', { how: 'refuse' });
    const file = await outcomeOf('file', {});
    expect(await seen(failed.ref)).toEqual({ kind: 'not_succeeded', status: 'failed' });
    expect(await seen(file.ref)).toEqual({ kind: 'not_json' });
    expect(await seen(jobs.newRef('echo'))).toEqual({ kind: 'unknown' });
    expect(await seen({ jobId: '*' })).toEqual({ kind: 'unknown' });
  });

  test('sees nothing of another tenant', async () => {
    const ref = { ...jobs.newRef('echo'), tenantId: 'other' };
    const data = {
      tenant_id: 'other',
      action: 'echo',
      action_version: '1',
      resource: {},
      input: {},
      metadata: {},
      source: 'api' as const,
      requested_by: 'k',
      finish_by: '2099-01-01T00:00:00.000Z',
    };
    const version = await jobs.append(ref, 0, {
      type: 'JobRequested',
      data: { ...data, input: { text: 'q' } },
    });
    expect(version).toBeGreaterThan(0);
    await jobs.ended(ref);
    expect(await seen(ref)).toEqual({ kind: 'unknown' });
  });
});
