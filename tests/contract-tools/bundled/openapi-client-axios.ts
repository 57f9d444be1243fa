import { readFile } from 'node:fs/promises';
import { OpenAPIClientAxios } from 'openapi-client-axios';
import type { Client } from '../.generated/openapi-client-axios.d.ts';
import { authorization, BASE_URL, SIMULATION, TENANT_ID, tell, WRONG } from './order.ts';

/* openapi-client-axios, which reads the document at run time. */

const definition = JSON.parse(await readFile('.generated/openapi.json', 'utf8'));
const api = new OpenAPIClientAxios({
  definition,
  withServer: { url: BASE_URL },
  axiosConfigDefaults: { headers: { authorization }, validateStatus: () => true },
});
const client = await api.init<Client>();
const place = { tenant_id: TENANT_ID, design_id: 'd-1' };

const run = await client.runPerformanceSimulation({ ...place, 'Idempotency-Key': 'axios' }, SIMULATION);
if (!('job_id' in run.data)) throw new Error(`not accepted: ${JSON.stringify(run.data)}`);
const asked = { ...place, job_id: run.data.job_id, wait: 60 };
const { status, results } = (await client.getPerformanceSimulationStatus(asked)).data;
const refused = await client.runPerformanceSimulation(place, WRONG);
const { code, errors = [] } = refused.data as { code?: string; errors?: { pointer?: string }[] };
tell({ status, results, code, pointer: errors[0]?.pointer });
