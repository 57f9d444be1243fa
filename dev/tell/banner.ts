import type { DataFolder } from '../data/data-folder.ts';
import type { LocalFacts } from '../data/local-file.ts';

/** A small design that every `performance_simulation` accepts. */
export const SAMPLE_INPUT = {
  location: { latitude: 39.74, longitude: -105.18, elevation_m: 1830, utc_offset_h: -7 },
  arrays: [{ dc_kw: 4, tilt_deg: 20, azimuth_deg: 180 }],
  inverter: { ac_kw: 3.8 },
};

/** The base of the paths of actions. */
export function tenantUrlOf({ url, tenant_id }: LocalFacts): string {
  return `${url}/v2/tenants/${tenant_id}`;
}

/**
 * What the terminal shows when all is ready, with lines to copy into a shell. `room` says how large the log may grow;
 * absent if that is not ours to decide.
 */
export function banner(facts: LocalFacts, folder: DataFolder, room?: string): string {
  const tenantUrl = tenantUrlOf(facts);
  const auth = `-H 'authorization: Bearer ${facts.api_key}'`;
  const actionUrl = `${tenantUrl}/designs/d-1/performance_simulation`;
  return `
Errand is ready.

  url     ${facts.url}
  docs    ${facts.url}/docs
  tenant  ${facts.tenant_id}
  key     ${facts.api_key}
  data    ${folder.path} (logs in logs/, the admin key in local.json)${room ? `\n  room    ${room}` : ''}

For local use only: webhook URLs may use plain http and point to this machine (127.0.0.0/8, ::1), which a real
system refuses unless ERRAND_WEBHOOKS_ALLOW_HTTP and ERRAND_WEBHOOKS_ALLOW_CIDRS allow it. The log is not
synced to disk on each write, so runs survive the death of any process but not a power failure.

List the actions:
  curl -s ${auth} ${tenantUrl}/actions

Run one:
  curl -s -X POST ${auth} -H 'content-type: application/json' \\
    -d '${JSON.stringify(SAMPLE_INPUT)}' \\
    ${actionUrl}/run

Get its status, with the job_id from that response:
  curl -s ${auth} '${actionUrl}/status?job_id=JOB_ID'

A full round with webhooks: npm run demo (in another terminal)
Stop with Ctrl-C.
`;
}

/** Why a second start on the same folder is refused. `url` is absent while the first one is still starting. */
export function alreadyRunning(
  folder: DataFolder,
  running: { pid: number; url: string | undefined },
): string {
  const where = running.url === undefined ? 'still starting' : running.url;
  return (
    `Errand is already running on ${folder.path}: ${where} (pid ${running.pid}).\n` +
    `Stop it with Ctrl-C in its terminal or with: kill ${running.pid}. ` +
    'To run a second one, set ERRAND_DATA_DIR and ERRAND_PORT.'
  );
}
