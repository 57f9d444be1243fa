import {
  defaults,
  getPerformanceSimulationStatus,
  runPerformanceSimulation,
} from '../.generated/oazapfts.ts';
import { authorization, BASE_URL, SIMULATION, TENANT_ID, tell, WRONG } from './order.ts';

/* oazapfts. */

defaults.baseUrl = BASE_URL;
defaults.headers = { authorization };

const run = await runPerformanceSimulation(TENANT_ID, 'd-1', SIMULATION, { idempotencyKey: 'oazapfts' });
if (run.status !== 202) throw new Error(`not accepted: ${JSON.stringify(run)}`);
const summary = await getPerformanceSimulationStatus(TENANT_ID, 'd-1', run.data.job_id, { wait: 60 });
if (summary.status !== 200) throw new Error(`no summary: ${summary.status}`);
const refused = await runPerformanceSimulation(TENANT_ID, 'd-1', WRONG);
if (refused.status !== 422) throw new Error(`not refused: ${refused.status}`);
const { code, errors = [] } = refused.data;
const { status, results } = summary.data;
tell({ status, results, code, pointer: errors[0]?.pointer });
