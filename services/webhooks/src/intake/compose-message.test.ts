import { readFile } from 'node:fs/promises';
import { type ActionContract, type RecordedEvent, toJobEvent } from '@errand/contracts';
import { foldJob } from '@errand/domain';
import { expect, test } from 'vitest';
import { composeMessage } from './compose-message.ts';

const JOB_ID = '019a5b1c-0000-7000-8000-000000000001';
const EVENT_ID = '019a5b1c-0000-7000-8000-000000000002';
const ref = { tenantId: 'acme', action: 'render', jobId: JOB_ID };
const publicUrl = 'https://errand.example/';
const contract = { name: 'render', resource: 'designs/{design_id}' } as ActionContract;

function recorded(version: number, fact: Parameters<typeof toJobEvent>[0]): RecordedEvent {
  const envelope = { id: EVENT_ID, jobId: JOB_ID, source: '/errand/test', timeMs: version * 1_000 } as const;
  return { ref, version, event: toJobEvent(fact, envelope) };
}

const requested = recorded(1, {
  type: 'JobRequested',
  data: {
    tenant_id: 'acme',
    action: 'render',
    action_version: '1',
    resource: { design_id: 'd 1/ä' },
    input: {},
    metadata: { order: '7' },
    source: 'api',
    requested_by: 'key',
    finish_by: '2026-01-02T00:00:00.000Z',
  },
});
const succeeded = recorded(4, {
  type: 'JobSucceeded',
  data: { attempt: 1, result: { large: true }, duration_ms: 5 },
});
const failedWith = (details: unknown[]) =>
  recorded(4, {
    type: 'JobFailed',
    data: { attempt: 1, error: { code: 'no_roof', message: 'No roof.', details }, duration_ms: 5 },
  });

test('a success tells what the caller hung on the job and where to read the result, not the result', () => {
  const message = composeMessage(succeeded, { job: foldJob([requested, succeeded]), contract, publicUrl });
  expect(message).toMatchObject({ event_id: EVENT_ID, type: 'job.succeeded', status: 'succeeded' });
  const tenant = 'https://errand.example/v2/tenants/acme';
  expect(JSON.parse(message.body)).toEqual({
    type: 'job.succeeded',
    timestamp: '1970-01-01T00:00:04.000Z',
    data: {
      job_id: JOB_ID,
      status: 'succeeded',
      metadata: { order: '7' },
      action: 'render',
      tenant_id: 'acme',
      resource: { design_id: 'd 1/ä' },
      version: 4,
      finished_at: '1970-01-01T00:00:04.000Z',
      links: {
        status: `${tenant}/designs/d%201%2F%C3%A4/render/status?job_id=${JOB_ID}`,
        job: `${tenant}/jobs/${JOB_ID}`,
        result: `${tenant}/jobs/${JOB_ID}/result`,
      },
    },
  });
});

test.each([
  ['its request', [requested], '1970-01-08T00:00:01.000Z'],
  ['the time in its id, where the log has lost the request', [], '2025-11-13T'],
])('how to download a file, for a week from %s', (_, events, expiresAt) => {
  const ref = { bucket: 'b', key: 'k', bytes: 9, sha256: 'f'.repeat(64), content_type: 'text/csv' };
  const ending = recorded(4, {
    type: 'JobSucceeded',
    data: { attempt: 1, result_ref: ref, duration_ms: 5 },
  });
  const about = { job: foldJob(events), contract, publicUrl, withResults: true };
  expect(JSON.parse(composeMessage(ending, about).results ?? '')).toEqual({
    results: null,
    results_link: {
      url: `https://errand.example/v2/tenants/acme/jobs/${JOB_ID}/result`,
      bytes: 9,
      sha256: ref.sha256,
      content_type: 'text/csv',
      filename: null,
      expires_at: expect.stringContaining(expiresAt),
    },
  });
});

test('a failure tells its faults', () => {
  const message = composeMessage(failedWith(['x']), { job: foldJob([requested]), contract, publicUrl });
  expect(JSON.parse(message.body).data).toMatchObject({
    status: 'failed',
    errors: [{ code: 'no_roof', message: 'No roof.', details: ['x'] }],
  });
});

test("faults' details are left out of a body that would exceed 64 KiB", () => {
  const ending = failedWith(['x'.repeat(70_000)]);
  const message = composeMessage(ending, { job: foldJob([requested]), contract, publicUrl });
  expect(JSON.parse(message.body).data.errors).toEqual([{ code: 'no_roof', message: 'No roof.' }]);
});

test('without the contract of the action there is no link of its status', () => {
  const message = composeMessage(succeeded, { job: foldJob([requested]), contract: undefined, publicUrl });
  expect(Object.keys(JSON.parse(message.body).data.links)).toEqual(['job', 'result']);
});

test('an ending is told even if the log has lost the rest of the job', () => {
  const message = composeMessage(succeeded, { job: undefined, contract, publicUrl });
  expect(JSON.parse(message.body).data).toMatchObject({
    job_id: JOB_ID,
    status: 'succeeded',
    metadata: {},
    links: { job: expect.stringContaining(JOB_ID) },
  });
});

const canceled = recorded(4, { type: 'JobCanceled', data: { by: 'key' } });
const expired = recorded(4, { type: 'JobExpired', data: { deadline: 'finish_by' } });

test.each([
  ['job.succeeded', succeeded],
  ['job.failed', failedWith([])],
  ['job.canceled', canceled],
  ['job.expired', expired],
])(
  'the sample of %s in the page for receivers has the members of a message, in their order',
  async (type, ending) => {
    const page = await readFile(new URL('../../../../docs/receive-webhooks.md', import.meta.url), 'utf8');
    const samples = [...page.matchAll(/```json sample\n(.*?)```/gs)].map(([, text = '']) => JSON.parse(text));
    const sample = samples.find((each) => each.type === type);
    const message = composeMessage(ending, {
      job: foldJob([requested]),
      contract,
      publicUrl,
      withResults: true,
    });
    const body = JSON.parse(message.body);
    const results = Object.keys(JSON.parse(message.results ?? '{}'));
    expect(Object.keys(sample)).toEqual(Object.keys(body));
    expect(Object.keys(sample.data)).toEqual([...Object.keys(body.data), ...results]);
    expect(Object.keys(sample.data.links)).toEqual(Object.keys(body.data.links));
    expect(sample.data.status).toBe(message.status);
  },
);
