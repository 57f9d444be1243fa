import { setConfig } from '@kubb/plugin-client/clients/fetch';
import { getPerformanceSimulationStatus, runPerformanceSimulation } from '../.generated/kubb/index.ts';
import type { RunPerformanceSimulation422 } from '../.generated/kubb/types/index.ts';
import { authorization, BASE_URL, SIMULATION, TENANT_ID, tell, WRONG } from './order.ts';

/* kubb's client, which returns success-typed data even when the request was refused. */

setConfig({ baseURL: BASE_URL, headers: { authorization, 'content-type': 'application/json' } });

const key = { 'Idempotency-Key': 'kubb' };
const run = await runPerformanceSimulation(TENANT_ID, 'd-1', SIMULATION, undefined, key);
if (!('job_id' in run.data)) throw new Error(`not accepted: ${JSON.stringify(run.data)}`);
const { job_id } = run.data;
const summary = await getPerformanceSimulationStatus(TENANT_ID, 'd-1', { job_id, wait: 60 });
const { status, results } = summary.data;
const refused = await runPerformanceSimulation(TENANT_ID, 'd-1', WRONG);
if (refused.status !== 422) throw new Error(`not refused: ${refused.status}`);
const { code, errors = [] } = refused.data as unknown as RunPerformanceSimulation422;
tell({ status, results, code, pointer: errors[0]?.pointer });
