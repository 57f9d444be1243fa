import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { JobSummary, Problem, RunAccepted } from '@errand/contracts';
import { freePort } from '@errand/local-servers';
import { createTestDatabase, startTestNats, startTestScheduler, waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fileBlocks } from '../../bench/actions/file-action.ts';
import { sourceMainFile } from '../../dev/repository.ts';
import { validated } from '../contract/validating-proxy.ts';
import { type Member, startMember } from '../faults/member.ts';
import { SMALL_DESIGN } from './caller.ts';

/*
 * Files, through services that are processes: an executor that is killed while making one, and the proposal that a
 * caller gets for a simulated design.
 */

const MB = 1_048_576;
const ACTIONS = ['file', 'performance_simulation', 'proposal_pdf_generation'];
const TENANT = 'payloads';
const adminKey = randomBytes(24).toString('base64url');
const resources = new AsyncDisposableStack();
let executor: Member;
let url: string;

beforeAll(async () => {
  const dir = await mkdtemp(join(tmpdir(), 'errand-payloads-'));
  resources.defer(() => rm(dir, { recursive: true, force: true }));
  const nats = resources.use(await startTestNats());
  const database = resources.use(await createTestDatabase());
  const executorFile = fileURLToPath(new URL('../../bench/actions/file-executor.ts', import.meta.url));
  const start = async (name: string, mainFile: string): Promise<{ member: Member; port: number }> => {
    const port = await freePort();
    const env = {
      NATS_URL: nats.url,
      DATABASE_URL: database.url,
      ERRAND_ADMIN_KEY: adminKey,
      ERRAND_SECRET_KEY: randomBytes(32).toString('base64'),
      [name === 'gateway' ? 'ERRAND_PORT' : 'ERRAND_OPS_PORT']: String(port),
      // A busy machine stands still for longer than two seconds.
      ERRAND_LEASE_MS: '5000',
      ERRAND_LOG_LEVEL: 'warn',
    };
    const readyUrl = `http://127.0.0.1:${port}/readyz`;
    const member = startMember({ name, mainFile, env, readyUrl, logFile: join(dir, `${name}.log`) });
    return { member: resources.use(member), port };
  };
  const gateway = await start('gateway', sourceMainFile('gateway'));
  resources.use(await startTestScheduler(nats.url));
  executor = (await start('executor', executorFile)).member;
  await Promise.all([gateway.member.ready(), executor.ready()]);
  url = resources.use(await validated(`http://127.0.0.1:${gateway.port}`, ACTIONS)).url;
  const created = await call(`/admin/tenants/${TENANT}`, { method: 'PUT' });
  if (!created.ok) throw new Error(`no tenant: ${created.status}`);
});

afterAll(() => resources.disposeAsync());

function call(path: string, { body, ...init }: { method?: string; body?: unknown } = {}): Promise<Response> {
  return fetch(url + path, {
    ...init,
    headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  });
}

async function run(path: string, body: unknown): Promise<RunAccepted> {
  const response = await call(`/v2/tenants/${TENANT}/${path}/run`, { body });
  if (response.status !== 202) throw new Error(`refused: ${await response.text()}`);
  return (await response.json()) as RunAccepted;
}

async function ended({ links }: RunAccepted): Promise<JobSummary> {
  return waitUntil(
    async () => {
      const summary = (await (await call(links.status)).json()) as JobSummary;
      return summary.finished_at === null ? undefined : summary;
    },
    { timeoutMs: 60_000 },
  );
}

function sha256(pieces: Iterable<Uint8Array>): string {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
}

test('a file whose executor is killed while making it is whole after the next attempt, and never partial', async () => {
  const job = await run('file', { bytes: String(12 * MB + 5), stop_at: String(6 * MB) });
  await waitUntil(
    async () => ((await (await call(job.links.status)).json()) as JobSummary).progress?.message,
  );
  const half = await call(`${job.links.job}/result`);
  expect([half.status, ((await half.json()) as Problem).code]).toEqual([409, 'not_ended']);
  executor.kill();
  const summary = await ended(job);
  expect(summary.attempt.number).toBe(2);
  expect(summary).toMatchObject({
    results: null,
    results_link: { bytes: 12 * MB + 5, filename: 'file.bin' },
  });
  const bytes = Buffer.from(await (await call(summary.results_link?.url ?? '')).arrayBuffer());
  expect(sha256([bytes])).toBe(sha256(fileBlocks(12 * MB + 5)));
});

const PROPOSAL = {
  customer: { name: 'Zoë Müller–Łódź', address_lines: ['Ul. Świętego Jana 12', '31-017 Kraków'] },
  company: { name: 'Sonnenwerk' },
  number: '2026/0117',
  issued_on: '2026-11-23',
  price: { currency: 'EUR', tax_pct: 23, items: [{ description: 'Everything', unit_price: 7_300 }] },
};

test('a proposal is made of a simulation that has succeeded, and is downloaded as a PDF', async () => {
  const simulated = await run('designs/e2e/performance_simulation', SMALL_DESIGN);
  await ended(simulated);
  const order = { ...PROPOSAL, simulation: { job_id: simulated.job_id } };
  const summary = await ended(await run('designs/e2e/proposal_pdf_generation', order));
  expect(summary).toMatchObject({
    results: null,
    results_link: { content_type: 'application/pdf', filename: 'proposal-2026-0117.pdf' },
  });
  const bytes = Buffer.from(await (await call(summary.results_link?.url ?? '')).arrayBuffer());
  expect(bytes.subarray(0, 5).toString()).toBe('%PDF-');
  expect(bytes.subarray(-6).toString().trim()).toBe('%%EOF');
});

test('each wrong input of a proposal is named before there is a job', async () => {
  const response = await call(`/v2/tenants/${TENANT}/designs/e2e/proposal_pdf_generation/run`, {
    body: {
      ...PROPOSAL,
      simulation: { job_id: 'yesterday' },
      customer: { name: '日本', address_lines: [] },
      issued_on: 'soon',
      price: { ...PROPOSAL.price, currency: '€', tax_pct: 230 },
      colour: 'green',
    },
  });
  const { errors = [] } = (await response.json()) as Problem;
  expect(response.status).toBe(422);
  expect(errors.map(({ pointer }) => pointer).toSorted()).toEqual([
    '#/colour',
    '#/customer/address_lines',
    '#/customer/name',
    '#/issued_on',
    '#/price/currency',
    '#/price/tax_pct',
    '#/simulation/job_id',
  ]);
});
