import { requestFn } from '@openapi-qraft/react';
import { QueryClient } from '@tanstack/react-query';
import { createAPIClient } from '../.generated/qraft/index.ts';
import { authorization, BASE_URL, SIMULATION, TENANT_ID, tell, WRONG } from './order.ts';

/* qraft, whose functions answer with either data or an error. */

const authorized: typeof requestFn = (schema, info) =>
  requestFn(schema, { ...info, headers: { authorization } });
const { v2 } = createAPIClient({
  requestFn: authorized,
  baseUrl: BASE_URL,
  queryClient: new QueryClient(),
});
const path = { tenant_id: TENANT_ID, design_id: 'd-1' };

const run = await v2.runPerformanceSimulation({
  parameters: { path, header: { 'Idempotency-Key': 'qraft' } },
  body: SIMULATION,
});
if (!run.data || !('job_id' in run.data)) throw new Error(`not accepted: ${JSON.stringify(run.error)}`);
const { job_id } = run.data;
const summary = await v2.getPerformanceSimulationStatus({
  parameters: { path, query: { job_id, wait: 60 } },
});
const { error } = await v2.runPerformanceSimulation({ parameters: { path }, body: WRONG });
if (!error || error instanceof Error || error.status !== 422) throw new Error('not refused');
const { code, errors = [] } = error;
const { status, results } = summary.data ?? {};
tell({ status, results, code, pointer: errors[0]?.pointer });
