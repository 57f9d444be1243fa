import { randomBytes } from 'node:crypto';
import type { JobSummary, Problem, RunAccepted } from '@errand/contracts';
import type { CallReceiver } from './call-receiver.ts';
import { checkCalls, type Registered, SECRET_HEADER } from './check-calls.ts';
import { redact } from './credentials.ts';
import { followJob } from './follow-job.ts';
import type { DemoTarget } from './target.ts';
import { createTenantApi, type TenantApi } from './tenant-api.ts';

const ACTION_PATH = '/reports/orders/report_export';
const INPUT = { from: '2026-01-01', to: '2026-03-31' };
const WRONG_INPUT = { from: 'yesterday', to: 7 };
const SHOWN_ROWS = 4;
const JOB_TIMEOUT_MS = 120_000;
const TEMPLATE = 'job_id=<JOB_ID>&status=<STATUS>&action=<ACTION>&tenant=<TENANT_ID>';

interface Step {
  api: TenantApi;
  receiver: CallReceiver;
  say: (line: string) => void;
}

/**
 * One whole round: webhooks, a refused run, a run with its status, both calls. Rejects when something is missing. Its
 * webhooks are always deleted, even when `interrupted` rejects.
 */
export async function demoRound(
  target: DemoTarget,
  options: { receiver: CallReceiver; say: (line: string) => void; interrupted: Promise<never> },
): Promise<void> {
  const { receiver, say, interrupted } = options;
  const step: Step = { api: createTenantApi(target), receiver, say };
  say(`system    ${target.url}, tenant ${target.tenantId}`);
  say(`receiver  ${receiver.url}`);
  const registered: Registered = {
    endpointIds: [],
    signingSecret: '',
    basicAuth: { username: 'demo', password: randomBytes(18).toString('base64url') },
    secretHeader: randomBytes(18).toString('base64url'),
  };
  const steps = async () => {
    await registerWebhooks(step, registered);
    await showRefusal(step);
    const summary = await runAndFollow(step);
    await showResult(step, summary);
    await checkCalls({ receiver, say, jobId: summary.job_id, tenantId: target.tenantId, registered });
  };
  const [round] = await Promise.allSettled([Promise.race([steps(), interrupted])]);
  const [cleanup] = await Promise.allSettled([deleteWebhooks(step, registered.endpointIds)]);
  // The first failure is the reason for the later ones.
  if (round.status === 'rejected') throw round.reason;
  if (cleanup.status === 'rejected') throw cleanup.reason;
}

async function registerWebhooks({ api, receiver, say }: Step, registered: Registered): Promise<void> {
  say('\n1. two webhooks');
  type Created = { endpoint_id: string; signing_secret: string };
  const post = await api.expect<Created>(201, 'POST', '/webhooks', {
    url: `${receiver.url}/hook`,
    method: 'POST',
    basic_auth: registered.basicAuth,
    secret_headers: { [SECRET_HEADER]: registered.secretHeader },
  });
  registered.endpointIds.push(post.endpoint_id);
  registered.signingSecret = post.signing_secret;
  say(`   POST ${receiver.url}/hook → ${post.endpoint_id}`);
  say(`        with basic auth, the header ${SECRET_HEADER}, signing secret ${redact(post.signing_secret)}`);
  const url = `${receiver.url}/hook?${TEMPLATE}`;
  const get = await api.expect<Created>(201, 'POST', '/webhooks', { url, method: 'GET' });
  registered.endpointIds.push(get.endpoint_id);
  say(`   GET  ${url} → ${get.endpoint_id}`);
}

async function showRefusal({ api, say }: Step): Promise<void> {
  say('\n2. a run with two wrong inputs');
  const problem = await api.expect<Problem>(422, 'POST', `${ACTION_PATH}/run`, WRONG_INPUT);
  say(`   422 ${problem.code}: ${problem.detail}`);
  for (const error of problem.errors ?? []) say(`       ${error.pointer}  ${error.code}  ${error.detail}`);
  if (problem.errors?.length !== 2) throw new Error('the 422 does not name both wrong inputs');
}

async function runAndFollow({ api, say }: Step): Promise<JobSummary> {
  say(`\n3. a report from ${INPUT.from} to ${INPUT.to}`);
  const startMs = performance.now();
  const atNow = (line: string) =>
    say(`   ${(performance.now() - startMs).toFixed(0).padStart(6)} ms  ${line}`);
  const accepted = await api.expect<RunAccepted>(202, 'POST', `${ACTION_PATH}/run`, INPUT);
  atNow(`202 job_id ${accepted.job_id}`);
  const statusPath = `${ACTION_PATH}/status?job_id=${accepted.job_id}`;
  const read = () => api.expect<JobSummary>(200, 'GET', statusPath);
  const { summary, reads } = await followJob({ read, say: atNow, timeoutMs: JOB_TIMEOUT_MS });
  say(`   status was read ${reads} times`);
  if (summary.status !== 'succeeded') {
    throw new Error(`the job is ${summary.status}: ${JSON.stringify(summary.errors)}`);
  }
  return summary;
}

async function showResult({ api, say }: Step, { job_id, results_link: file }: JobSummary): Promise<void> {
  if (!file) throw new Error('the job has no file');
  const { text } = await api.call('GET', `/jobs/${job_id}/result`);
  const rows = text.trimEnd().split('\n');
  say(`\n4. its result: ${file.filename}, ${file.bytes} bytes`);
  for (const row of [...rows.slice(0, SHOWN_ROWS), '…', rows.at(-1)]) say(`   ${row}`);
  if (text.length !== file.bytes) throw new Error('the file does not have its length');
}

async function deleteWebhooks({ api, say }: Step, endpointIds: readonly string[]): Promise<void> {
  for (const endpointId of endpointIds) {
    await api.expect<undefined>(204, 'DELETE', `/webhooks/${endpointId}`);
  }
  if (endpointIds.length > 0) say(`\n6. ${endpointIds.length} webhooks deleted again`);
}
