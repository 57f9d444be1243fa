import { createHash } from 'node:crypto';
import { JOB_WEBHOOKS_RECORD, type JobFact, type PayloadRef } from '@errand/contracts';
import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { receiver, SIGNING_SECRET, startForEachTest, system, tenantId } from './system.ts';

/* Results in bodies, for those who ask for them. */

startForEachTest();

const succeeded = (data: { result?: unknown; result_ref?: PayloadRef }): JobFact => ({
  type: 'JobSucceeded',
  data: { attempt: 1, ...data, duration_ms: 5 },
});
const addEndpoint = (path: string, include?: ['results']) =>
  system.addEndpoint({
    tenant_id: tenantId,
    url: `${receiver.url}${path}`,
    ...(include ? { include } : {}),
  });

async function dataAt(path: string, eventId: string) {
  const { body, headers } = await receiver.waitFor(
    (request) => request.url === path && request.headers['webhook-id'] === eventId,
  );
  new Webhook(SIGNING_SECRET).verify(body, headers as Record<string, string>);
  return JSON.parse(body).data;
}

test('who asks for results gets them, signed, and others of the same event get none', async () => {
  await using _service = await system.start();
  await addEndpoint('/plain');
  await addEndpoint('/full', ['results']);
  await system.addEndpoint({
    tenant_id: tenantId,
    endpoint_id: JOB_WEBHOOKS_RECORD,
    url: 'https://job.invalid/',
  });
  const own = {
    url: `${receiver.url}/own`,
    events: ['job.succeeded' as const],
    include: ['results' as const],
  };
  const { eventId, jobId } = await system.endJob(tenantId, undefined, own);
  const full = await dataAt('/full', eventId);
  expect([full.results, full.results_link]).toEqual([{ kwh: 1 }, null]);
  expect(full.links.result).toMatch(new RegExp(`/v2/tenants/${tenantId}/jobs/${jobId}/result$`));
  expect(await dataAt('/own', eventId)).toEqual(full);
  const { results: _, results_link: __, ...rest } = full;
  expect(await dataAt('/plain', eventId)).toEqual(rest);
});

test('a result of 64 KiB is carried, one byte more and a file are downloaded', async () => {
  await using _service = await system.start();
  await addEndpoint('/full', ['results']);
  const text = (bytes: number) => 'x'.repeat(bytes - 2);
  const most = await system.endJob(tenantId, succeeded({ result: text(65_536) }));
  expect(await dataAt('/full', most.eventId)).toMatchObject({ results: text(65_536), results_link: null });
  const more = await system.endJob(tenantId, succeeded({ result: text(65_537) }));
  const ref = { bucket: 'payloads', key: 'k', bytes: 9, sha256: 'a'.repeat(64), content_type: 'text/csv' };
  const file = await system.endJob(tenantId, succeeded({ result_ref: ref }));
  const sha256 = createHash('sha256')
    .update(JSON.stringify(text(65_537)))
    .digest('hex');
  for (const [{ eventId }, about] of [
    [more, { bytes: 65_537, sha256, content_type: 'application/json' }],
    [file, { bytes: 9, sha256: ref.sha256, content_type: 'text/csv' }],
  ] as const) {
    const { results, results_link, links } = await dataAt('/full', eventId);
    expect(results).toBeNull();
    const expires_at = expect.any(String);
    expect(results_link).toEqual({ ...about, url: links.result, filename: null, expires_at });
  }
  const nothing = await system.endJob(tenantId, succeeded({}));
  expect(await dataAt('/full', nothing.eventId)).toMatchObject({ results: null, results_link: null });
  const canceled = await system.endJob(tenantId, { type: 'JobCanceled', data: { by: 'test' } });
  const data = await dataAt('/full', canceled.eventId);
  for (const member of ['results', 'results_link']) expect(data).not.toHaveProperty(member);
  expect(data.links).not.toHaveProperty('result');
});

test('a replay brings the results, also of an event that was told without them', async () => {
  await using _service = await system.start();
  await addEndpoint('/plain');
  const { eventId } = await system.endJob(tenantId);
  await dataAt('/plain', eventId);
  const { endpoint_id } = await addEndpoint('/late', ['results']);
  const since = '2020-01-01T00:00:00.000Z';
  const about = { tenant_id: tenantId, endpoint_id, since, only: 'missed' as const, dry_run: false };
  expect(await system.bus.commands.askWebhooks('replay', about)).toMatchObject({ kind: 'started' });
  expect((await dataAt('/late', eventId)).results).toEqual({ kwh: 1 });
});
