import { expect, test } from 'vitest';
import { run } from '../test/command.ts';
import { startTestGateway, type TestAnswer } from '../test/gateway.ts';

/* What a server sends reaches a terminal as text only, in answers and in failures alike. */

const EVIL = 'a\u001b]0;owned\u0007b\u009b2Jc\u202ed\re';
const JOB = '01a20b96-1514-7abb-ac7b-820fd55ab526';
const TIME = '2026-01-31T12:00:00Z';

const refusal: TestAnswer = {
  status: 422,
  body: { code: EVIL, detail: EVIL, errors: [{ pointer: EVIL, code: EVIL, detail: EVIL }] },
};
const endpoint = {
  endpoint_id: EVIL,
  url: EVIL,
  method: EVIL,
  description: EVIL,
  event_types: [EVIL],
  metadata: { [EVIL]: EVIL },
  secret_headers: [{ name: EVIL }],
  signing_secret: EVIL,
  health: null,
};
const job = {
  job_id: EVIL,
  action: EVIL,
  status: EVIL,
  resource: {},
  metadata: {},
  errors: [{ code: EVIL, message: EVIL }],
  attempt: { number: 1, max: 5, next_at: null },
  progress: { percent: 1, message: EVIL },
  created_at: TIME,
};
const action = {
  name: EVIL,
  description: EVIL,
  resource: EVIL,
  version: EVIL,
  max_attempts: 1,
  timeout_ms: 1,
  input_schema: { type: 'object', properties: { [EVIL]: { type: EVIL } } },
  result_schema: {},
  contract_id: EVIL,
  unserved_since: EVIL,
  contracts: [{ contract_id: EVIL }, { contract_id: EVIL }],
};
const counts = {
  requested: 1,
  succeeded: EVIL,
  failed: 0,
  canceled: 0,
  expired: 0,
  queue_wait_ms: null,
  run_ms: null,
};
const stats = {
  from: TIME,
  to: TIME,
  step: EVIL,
  now: { queued: EVIL, running: EVIL, oldest_queued_at: TIME, by_action: [] },
  series: [{ at: TIME, ...counts }],
  totals: counts,
  errors: [
    {
      action: EVIL,
      code: EVIL,
      detail: EVIL,
      count: 1,
      first_seen: TIME,
      last_seen: TIME,
      sample_job_id: EVIL,
    },
  ],
};
const told = { attempt: 2, number: 1, time: TIME };
const entries = [
  { id: 1, ...told, type: 'log', message: EVIL, fields: { [EVIL]: EVIL } },
  { id: 2, ...told, type: 'output', value: { [EVIL]: EVIL } },
  { id: 3, ...told, type: 'dropped', count: EVIL },
];
const TENANT = '/v2/tenants/t';
const answers: Record<string, TestAnswer> = {
  [`GET ${TENANT}/webhooks`]: { body: { webhooks: [endpoint] } },
  [`POST ${TENANT}/webhooks`]: { body: endpoint },
  [`GET ${TENANT}/webhooks/e`]: { body: endpoint },
  [`POST ${TENANT}/webhooks/e/pause`]: { body: endpoint },
  [`POST ${TENANT}/webhooks/e/test`]: { body: { outcome: EVIL, response: EVIL, error_code: EVIL } },
  [`GET ${TENANT}/jobs`]: { body: { jobs: [job], next_cursor: null } },
  [`GET ${TENANT}/jobs/${JOB}`]: { body: job },
  [`GET ${TENANT}/jobs/${JOB}/logs`]: { body: { entries, next_after: null } },
  [`POST ${TENANT}/jobs/${JOB}/retry`]: { body: job },
  [`GET ${TENANT}/actions`]: { body: { actions: [action] } },
  [`GET ${TENANT}/actions/x`]: { body: action },
  [`GET ${TENANT}/stats`]: { body: stats },
  [`POST ${TENANT}/nothing/run`]: { status: 404, body: { code: 'unknown_action', detail: EVIL } },
  [`GET ${TENANT}/actions/nothing`]: { status: 404, body: { code: 'unknown_action', detail: EVIL } },
  [`GET ${TENANT}/events`]: { body: { events: [], next: EVIL } },
  'GET /admin/projections/job_summary/rebuild': { body: { state: EVIL, error: EVIL } },
  'PUT /admin/tenants/x': { body: { tenant_id: EVIL, created_at: TIME } },
  'POST /admin/tenants/t/keys': { body: { api_key: EVIL, key_id: EVIL } },
  'GET /admin/dead-letters': {
    body: { dead_letters: [{ id: 1, reason: EVIL, subject: EVIL, parked_at: TIME }], next_after: EVIL },
  },
  [`GET ${TENANT}/webhooks/job`]: refusal,
  'DELETE /admin/keys/x': refusal,
};

/** A line feed only begins a new line. */
const STEERING = /(?!\n)[\p{Cc}\p{Cf}]/u;

test.each([
  ...['webhooks list', 'webhooks create --url http://x', 'webhooks show e', 'webhooks pause e'],
  ...[
    'webhooks test e',
    'jobs',
    'stats',
    `status ${JOB}`,
    `retry ${JOB}`,
    `logs ${JOB}`,
    'actions',
    'actions x',
    'feed',
    'signer show',
  ],
  ...['projection status', 'tenants put x', 'keys create x', 'keys delete x', 'dead-letters', 'run nothing'],
])('%s is not steered by a server', async (words) => {
  await using gateway = await startTestGateway(answers);
  for (const how of ['--no-json', '--json']) {
    const { out, said } = await run([...words.split(' '), how], gateway.env);
    expect(out + said).toContain('owned');
    expect(out + said).not.toMatch(STEERING);
  }
});
