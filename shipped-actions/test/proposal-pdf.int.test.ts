import { randomUUIDv7 } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Bus } from '@errand/bus';
import { REQUEST } from '@errand/domain/testing';
import { startTestNats, type TestNats } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  openExecutorTestBus,
  startTestExecutor,
  type TestExecutor,
  type TestJobs,
  testJobs,
} from '../../services/executor/test/executor.ts';
import { PROPOSAL, SIMULATION } from './proposal.ts';

let nats: TestNats;
let bus: Bus;
let jobs: TestJobs;
let executor: TestExecutor;
beforeAll(async () => {
  nats = await startTestNats();
  executor = await startTestExecutor(nats.url, {
    ERRAND_ACTIONS: fileURLToPath(new URL('../src', import.meta.url)),
  });
  bus = await openExecutorTestBus(nats.url);
  jobs = testJobs(bus);
});
afterAll(async () => {
  await bus?.[Symbol.asyncDispose]();
  await executor?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

const DESIGN = {
  location: { latitude: 50.06, longitude: 19.94, utc_offset_h: 1 },
  arrays: [{ dc_kw: 8.4, tilt_deg: 35, azimuth_deg: 180 }],
  inverter: { ac_kw: 8 },
};

async function run(action: string, input: unknown, { designId = 'roof-1', tenantId = 'acme' } = {}) {
  const ref = { tenantId, action, jobId: randomUUIDv7() };
  const contract_id = await jobs.contractIdOf(action);
  const data = {
    ...REQUEST,
    tenant_id: tenantId,
    action,
    contract_id,
    resource: { design_id: designId },
    input,
  };
  await jobs.append(ref, 0, { type: 'JobRequested', data });
  return ref;
}

async function proposalFor(simulation: object) {
  const ref = await run('proposal_pdf_generation', { ...PROPOSAL, simulation });
  const { outcome } = await jobs.ended(ref);
  return { ref, ...outcome.value };
}

test('a proposal is made from a simulation that has succeeded, with progress on the way', async () => {
  const simulated = await run('performance_simulation', DESIGN);
  await jobs.ended(simulated);
  const { ref, resultRef } = await proposalFor({ job_id: simulated.jobId });
  expect(resultRef).toMatchObject({ content_type: 'application/pdf', filename: 'proposal-2026-0117.pdf' });
  const opened = resultRef && (await bus.payloads.open(resultRef));
  if (opened?.kind !== 'payload') throw new Error('nothing is stored');
  expect((await buffer(opened.body)).subarray(0, 5).toString()).toBe('%PDF-');
  expect(await jobs.typesOf(ref)).toContain('JobProgressed');
});

test('the result of a simulation may be given instead, and gives the same bytes each time', async () => {
  const first = await proposalFor({ result: SIMULATION });
  const second = await proposalFor({ result: SIMULATION });
  expect(first.resultRef?.sha256).toBe(second.resultRef?.sha256);
});

test.each([
  ['there is none', async () => randomUUIDv7(), 'There is no such job'],
  [
    'it is one of another design',
    async () => {
      const other = await run('performance_simulation', DESIGN, { designId: 'roof-2' });
      await jobs.ended(other);
      return other.jobId;
    },
    'another design',
  ],
  [
    "it is another tenant's",
    async () => {
      const other = await run('performance_simulation', DESIGN, { tenantId: 'other' });
      await jobs.ended(other);
      return other.jobId;
    },
    'There is no such job',
  ],
  [
    'it has failed',
    async () => {
      const other = await run('performance_simulation', { ...DESIGN, arrays: [] });
      await jobs.ended(other);
      return other.jobId;
    },
    'The job is failed',
  ],
  [
    'it is a proposal',
    async () => (await proposalFor({ result: SIMULATION })).ref.jobId,
    'not a performance_simulation job',
  ],
])('a simulation is refused with its place in the input when %s', async (_, jobIdOf, detail) => {
  const { errors } = await proposalFor({ job_id: await jobIdOf() });
  expect(errors[0]).toMatchObject({
    code: 'invalid_simulation',
    details: [{ pointer: '#/simulation/job_id', detail: expect.stringContaining(detail) }],
  });
});
