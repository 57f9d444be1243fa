import type { DataFolder } from '../data/data-folder.ts';
import type { LocalFacts } from '../data/local-file.ts';

/** A run that a terminal suggests: the path of an action's resource and name, and an input that it accepts. */
export interface SampleRun {
  readonly path: string;
  readonly input: object;
}

export const REPORT_RUN: SampleRun = {
  path: 'reports/orders/report_export',
  input: { from: '2026-01-01', to: '2026-03-31' },
};

/** The base of the paths of actions. */
export function tenantUrlOf({ url, tenant_id }: LocalFacts): string {
  return `${url}/v2/tenants/${tenant_id}`;
}

/** Lines to copy into a shell: the actions, a run, and its status. */
export function runLines(facts: LocalFacts, run?: SampleRun): string {
  const tenantUrl = tenantUrlOf(facts);
  const auth = `-H 'authorization: Bearer ${facts.api_key}'`;
  const list = `List the actions:
  curl -s ${auth} ${tenantUrl}/actions
`;
  if (!run) return list;
  const actionUrl = `${tenantUrl}/${run.path}`;
  return `${list}
Run one:
  curl -s -X POST ${auth} -H 'content-type: application/json' \\
    -d '${JSON.stringify(run.input)}' \\
    ${actionUrl}/run

Get its status, with the job_id from that response:
  curl -s ${auth} '${actionUrl}/status?job_id=JOB_ID'
`;
}

/**
 * What the terminal shows when all is ready. `roomLine` says how large the log may grow; absent if that is not ours to
 * decide.
 */
export function banner({
  facts,
  consoleUrl,
  folder,
  roomLine,
  suggestions,
}: {
  facts: LocalFacts;
  /** Signs in, once. */
  consoleUrl: string;
  folder: DataFolder;
  roomLine?: string | undefined;
  suggestions: string;
}): string {
  return `
Errand is ready.

  console ${consoleUrl}
          (signs you in once, within the hour; npm run errand -- sign-in makes another link)
  url     ${facts.url}
  docs    ${facts.url}/docs
  tenant  ${facts.tenant_id}
  key     ${facts.api_key}
  data    ${folder.path} (logs in logs/, the admin key in local.json)${roomLine ? `\n  room    ${roomLine}` : ''}

For local use only: webhook URLs may use plain http and point to this machine (127.0.0.0/8, ::1), which a real
system refuses unless ERRAND_WEBHOOKS_ALLOW_HTTP and ERRAND_WEBHOOKS_ALLOW_CIDRS allow it. The log is not
synced to disk on each write, so runs survive the death of any process but not a power failure.

${suggestions}
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
