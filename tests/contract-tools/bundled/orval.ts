import { getPerformanceSimulationStatus, runPerformanceSimulation } from '../.generated/orval.ts';
import { authorization, BASE_URL, SIMULATION, TENANT_ID, tell, WRONG } from './order.ts';

/* orval, whose functions call fetch with a path. */

const { fetch } = globalThis;
globalThis.fetch = (path, options) => fetch(new URL(String(path), BASE_URL), options);
const headers = { authorization, 'idempotency-key': 'orval' };

const run = await runPerformanceSimulation(TENANT_ID, 'd-1', SIMULATION, undefined, { headers });
if (run.status !== 202) throw new Error(`not accepted: ${JSON.stringify(run.data)}`);
const { job_id } = run.data;
const summary = await getPerformanceSimulationStatus(TENANT_ID, 'd-1', { job_id, wait: 60 }, { headers });
if (summary.status !== 200) throw new Error(`no summary: ${summary.status}`);
const refused = await runPerformanceSimulation(TENANT_ID, 'd-1', WRONG, undefined, {
  headers: { authorization },
});
if (refused.status !== 422) throw new Error(`not refused: ${refused.status}`);
const { code, errors = [] } = refused.data;
const { status, results } = summary.data;
tell({ status, results, code, pointer: errors[0]?.pointer });
