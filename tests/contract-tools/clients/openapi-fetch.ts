import createClient from 'openapi-fetch';
import type { paths } from '../.generated/openapi-typescript.ts';

/* Runs a job, waits and reads its typed result, with a client made by openapi-typescript and openapi-fetch. */

const { BASE_URL: baseUrl = '', API_KEY: key = '', TENANT_ID: tenant_id = '' } = process.env;
const client = createClient<paths>({ baseUrl, headers: { authorization: `Bearer ${key}` } });
const path = { tenant_id, design_id: 'd-1' };

const run = await client.POST('/v2/tenants/{tenant_id}/designs/{design_id}/performance_simulation/run', {
  params: { path, header: { 'Idempotency-Key': 'openapi-fetch' } },
  body: {
    location: { latitude: 39.74, longitude: -105.18, elevation_m: 1_829, utc_offset_h: -7 },
    arrays: [{ dc_kw: 4, tilt_deg: 20, azimuth_deg: 180 }],
    inverter: { ac_kw: 3.8 },
    _job: { metadata: { made_by: 'openapi-fetch' } },
  },
});
if (!run.data || !('job_id' in run.data)) throw new Error(`not accepted: ${JSON.stringify(run.error)}`);

const { job_id } = run.data;
const status = await client.GET('/v2/tenants/{tenant_id}/designs/{design_id}/performance_simulation/status', {
  params: { path, query: { job_id, wait: 60 } },
});
const results = status.data?.results;
if (!results) throw new Error(`no result: ${JSON.stringify(status)}`);
const kwh: number = results.annual.ac_kwh;
const months: number[] = results.monthly.map(({ ac_kwh }) => ac_kwh);
const link: string | undefined = status.data?.results_link?.url;

const refused = await client.GET('/v2/tenants/{tenant_id}/jobs/{job_id}', {
  params: { path: { tenant_id, job_id: '019c2f3e-0000-7000-8000-000000000000' } },
});
const code: string | undefined = refused.error?.code;
console.log(JSON.stringify({ job_id, status: status.data?.status, kwh, months: months.length, link, code }));
