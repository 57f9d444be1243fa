import { isErrorFromAlias } from '@zodios/core';
import { api, createApiClient } from '../.generated/zodios.ts';
import { authorization, BASE_URL, SIMULATION, TENANT_ID, tell, WRONG } from './order.ts';

/*
 * openapi-zod-client, which validates requests and answers with zod. It knows only the first answer of a run, the
 * summary.
 */

const options = { axiosConfig: { headers: { authorization } } };
const client = createApiClient(BASE_URL, options);
const params = { tenant_id: TENANT_ID, design_id: 'd-1' };

const run = await client.runPerformanceSimulation(SIMULATION, {
  params,
  headers: { 'Idempotency-Key': 'zodios', Prefer: 'wait=60' },
});
if (!('job_id' in run && typeof run.job_id === 'string'))
  throw new Error(`not accepted: ${JSON.stringify(run)}`);
const queries = { job_id: run.job_id, wait: 60 };
const { status, results } = await client.getPerformanceSimulationStatus({ params, queries });
// To send what zod would refuse, its check has to be turned off.
const refused: unknown = await createApiClient(BASE_URL, { ...options, validate: 'response' })
  .runPerformanceSimulation(WRONG, { params })
  .catch((error) => error);
if (!isErrorFromAlias(api.api, 'runPerformanceSimulation', refused))
  throw new Error(`not refused: ${refused}`);
const { data } = refused.response;
tell({ status, results, code: data.code, pointer: data.errors?.[0]?.pointer });
