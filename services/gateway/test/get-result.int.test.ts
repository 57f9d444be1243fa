import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { connectionOf } from '@errand/bus/testing';
import type { PayloadRef, RunAccepted } from '@errand/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RUN_PATH, STARTED, startTestGateway, TENANT, type TestGateway } from './gateway.ts';
import { openReadModel, type TestReadModel } from './read-model.ts';

let gateway: TestGateway;
let readModel: TestReadModel;

beforeAll(async () => {
  gateway = await startTestGateway();
  const model = openReadModel(gateway);
  await model.migrate();
  readModel = model;
});

afterAll(async () => {
  await readModel[Symbol.asyncDispose]();
  await gateway[Symbol.asyncDispose]();
});

const MB = 1_048_576;
const resultPath = (job: Pick<RunAccepted, 'links'>) => `${job.links.job}/result`;

async function run(): Promise<RunAccepted> {
  return (await gateway.call(RUN_PATH, { body: { tilt_deg: 30 } })).json;
}

async function end(job: RunAccepted, data: object): Promise<void> {
  const version = await gateway.append(job.job_id, job.version, STARTED);
  const succeeded = { type: 'JobSucceeded', data: { attempt: 1, duration_ms: 5, ...data } } as const;
  await gateway.append(job.job_id, version ?? 0, succeeded);
}

/** A job whose result is a file. */
async function withFile(bytes: Buffer, filename?: string): Promise<{ job: RunAccepted; ref: PayloadRef }> {
  const job = await run();
  const about = { tenantId: TENANT, jobId: job.job_id, contentType: 'text/html', filename };
  const ref = await gateway.bus.payloads.put({ ...about, body: [bytes] });
  await end(job, { result_ref: ref });
  return { job, ref };
}

async function download(path: string, headers: Record<string, string> = {}) {
  const authorization = `Bearer ${gateway.apiKey}`;
  const response = await fetch(gateway.url + path, { headers: { authorization, ...headers } });
  return { response, bytes: Buffer.from(await response.arrayBuffer()) };
}

test('status tells how to download a file, from the log and from the read model alike', async () => {
  const { job, ref } = await withFile(randomBytes(300_000), 'Müller–Łódź.html');
  const told = async () => (await gateway.call(job.links.status)).json;
  const fromLog = await told();
  expect(fromLog).toMatchObject({
    status: 'succeeded',
    results: null,
    results_link: {
      url: resultPath(job),
      bytes: 300_000,
      sha256: ref.sha256,
      content_type: 'text/html',
      filename: 'Müller–Łódź.html',
      expires_at: fromLog.expires_at,
    },
  });
  expect(JSON.stringify(fromLog)).not.toContain(ref.key);
  await readModel.project(job.job_id);
  expect(await told()).toEqual(fromLog);
});

test('a large JSON result is at its link, in status, in a wait, in the list and as of a version alike', async () => {
  const job = await run();
  const about = { tenantId: TENANT, jobId: job.job_id, contentType: 'application/json' };
  const large = Buffer.from(JSON.stringify({ text: 'x'.repeat(300_000) }));
  await end(job, { result_ref: await gateway.bus.payloads.put({ ...about, body: [large] }) });
  await readModel.project(job.job_id);
  const { json: summary } = await gateway.call(job.links.status);
  const link = {
    url: resultPath(job),
    bytes: large.length,
    content_type: 'application/json',
    filename: null,
  };
  expect(summary).toMatchObject({ results: null, results_link: link });
  expect((await gateway.call(`${job.links.job}?wait=1`)).json).toEqual(summary);
  expect((await gateway.call(`${job.links.job}?as_of=${summary.version}`)).json).toEqual(summary);
  const { jobs } = (await gateway.call(`/v2/tenants/${TENANT}/jobs?limit=1`)).json;
  expect(jobs).toEqual([summary]);
  const { bytes } = await download(summary.results_link.url);
  expect(bytes.equals(large)).toBe(true);
});

test('a file is downloaded as it was made, under its name, and never opened by a browser', async () => {
  const bytes = randomBytes(3 * MB + 17);
  const { job, ref } = await withFile(bytes, 'Müller–Łódź.html');
  const { response, bytes: got } = await download(resultPath(job));
  expect(got.equals(bytes)).toBe(true);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'text/html',
    'content-length': String(bytes.length),
    etag: `"${ref.sha256}"`,
    'content-disposition':
      'attachment; filename="Mullerodz.html"; filename*=UTF-8\'\'M%C3%BCller%E2%80%93%C5%81%C3%B3d%C5%BA.html',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
  });
  const again = await download(resultPath(job), { 'if-none-match': `"${ref.sha256}"` });
  expect([again.response.status, again.bytes.length]).toEqual([304, 0]);
  const head = await gateway.call(resultPath(job), { method: 'HEAD' });
  expect([head.status, head.headers.get('content-length')]).toEqual([200, String(bytes.length)]);
});

test('a result inside its event is downloaded as JSON', async () => {
  const job = await run();
  await end(job, { result: { kwh: 7 } });
  const { response, bytes } = await download(resultPath(job));
  expect(response.headers.get('content-type')).toBe('application/json');
  expect(JSON.parse(bytes.toString())).toEqual({ kwh: 7 });
});

test('a result that only looks like a reference is one of its own', async () => {
  const { ref } = await withFile(randomBytes(10));
  const forged = { 'errand:result_ref': ref };
  const job = await run();
  await end(job, { result: forged });
  await readModel.project(job.job_id);
  expect((await gateway.call(job.links.status)).json).toMatchObject({ results: forged, results_link: null });
  expect(JSON.parse((await download(resultPath(job))).bytes.toString())).toEqual(forged);
});

test('a reference to what another job has stored leads nowhere', async () => {
  const { ref } = await withFile(randomBytes(10));
  const job = await run();
  await end(job, { result_ref: ref });
  const { json } = await gateway.call(resultPath(job));
  expect([json.status, json.code]).toEqual([410, 'result_gone']);
});

test('409 while the job has not ended, 404 when it ended without a result', async () => {
  const job = await run();
  expect((await gateway.call(resultPath(job))).json).toMatchObject({ status: 409, code: 'not_ended' });
  await gateway.call(job.links.cancel, { method: 'POST' });
  expect((await gateway.call(resultPath(job))).json).toMatchObject({ status: 404, code: 'no_result' });
});

test("404 for no job and for another tenant's, 410 for one that is too old", async () => {
  const { job } = await withFile(randomBytes(10));
  const other = await gateway.createKey('other', 'k');
  const path = resultPath(job);
  const foreign = await gateway.call(path.replace(TENANT, 'other'), { token: other.api_key });
  expect([foreign.status, foreign.json.code]).toEqual([404, 'unknown_job']);
  expect((await gateway.call(path, { token: other.api_key })).status).toBe(404);
  expect((await gateway.call(path.replace(/.{4}\/result$/, '0000/result'))).json.code).toBe('unknown_job');
  gateway.shiftMs = 8 * 86_400_000;
  const old = await gateway.call(path);
  gateway.shiftMs = 0;
  expect([old.status, old.json.code]).toEqual([410, 'job_expired']);
});

test('410 for a file that is gone, and a broken one breaks off before its end', async () => {
  const { job, ref } = await withFile(randomBytes(MB));
  const filter = `$O.payloads.C.*.${ref.key.split('/').at(-1)}`;
  await connectionOf(gateway.bus).request(
    '$JS.API.STREAM.PURGE.OBJ_payloads',
    JSON.stringify({ filter, keep: 3 }),
  );
  await expect(download(resultPath(job))).rejects.toThrow();
  await gateway.bus.payloads.delete(ref);
  const { json } = await gateway.call(resultPath(job));
  expect([json.status, json.code]).toEqual([410, 'result_gone']);
});

test('nothing is read ahead for a caller that stops reading', async () => {
  const { job } = await withFile(Buffer.alloc(60 * MB));
  // Each asks for a megabyte.
  let asked = 0;
  const asking = connectionOf(gateway.bus).subscribe('$JS.API.DIRECT.GET.OBJ_payloads', {
    callback: () => {
      asked += 1;
    },
  });
  await connectionOf(gateway.bus).flush();
  const headers = { authorization: `Bearer ${gateway.apiKey}` };
  const stopped = Promise.withResolvers<void>();
  const reading = request(gateway.url + resultPath(job), { headers }, (response) => {
    response.once('readable', () => stopped.resolve());
  });
  reading.end();
  await stopped.promise;
  // Kernel buffers take some megabytes; what they do not take stays in the log.
  const seen = [-1];
  const isStill = () => seen.push(asked) > 0 && seen.at(-1) === seen.at(-2);
  await expect.poll(isStill, { interval: 300, timeout: 10_000 }).toBe(true);
  expect(asked).toBeGreaterThan(0);
  expect(asked).toBeLessThan(30);
  reading.destroy();
  asking.unsubscribe();
});
