import { Api } from '../.generated/swagger.ts';
import { authorization, BASE_URL, SIMULATION, TENANT_ID, tell, WRONG } from './order.ts';

/* swagger-typescript-api, which throws on refusals. */

const { v2 } = new Api({ baseUrl: BASE_URL, baseApiParams: { headers: { authorization } } });

const run = await v2.runPerformanceSimulation(TENANT_ID, 'd-1', SIMULATION);
if (!('job_id' in run.data)) throw new Error(`not accepted: ${JSON.stringify(run.data)}`);
const { job_id } = run.data;
const { data } = await v2.getPerformanceSimulationStatus(TENANT_ID, 'd-1', { job_id, wait: 60 });
const refused: Awaited<ReturnType<typeof v2.runPerformanceSimulation>> = await v2
  .runPerformanceSimulation(TENANT_ID, 'd-1', WRONG)
  .catch((error) => error);
const { code, errors = [] } = refused.error;
tell({ status: data.status, results: data.results, code, pointer: errors[0]?.pointer });
