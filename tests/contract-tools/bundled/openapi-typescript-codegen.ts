import { ApiError, OpenAPI, RunsService } from '../.generated/codegen';
import { API_KEY, BASE_URL, SIMULATION, TENANT_ID, tell, WRONG } from './order.ts';

/* openapi-typescript-codegen, which throws on refusals. */

OpenAPI.BASE = BASE_URL;
OpenAPI.TOKEN = API_KEY;

const run = await RunsService.runPerformanceSimulation(TENANT_ID, 'd-1', SIMULATION, undefined, 'codegen');
if (!('job_id' in run)) throw new Error(`not accepted: ${JSON.stringify(run)}`);
const { status, results } = await RunsService.getPerformanceSimulationStatus(
  TENANT_ID,
  'd-1',
  run.job_id,
  60,
);
const refused: unknown = await RunsService.runPerformanceSimulation(TENANT_ID, 'd-1', WRONG).catch(
  (error) => error,
);
if (!(refused instanceof ApiError && refused.status === 422)) throw new Error(`not refused: ${refused}`);
const { code, errors } = refused.body;
tell({ status, results, code, pointer: errors[0]?.pointer });
