import { MAX_JSON_DEPTH } from '@errand/contracts';

/* Every code that a request may be refused with, and its answer. Codes are stable: callers branch on them. */

export interface ProblemKind {
  readonly status: number;
  readonly title: string;
  /** For people; said when the place that refuses has nothing more exact to say. */
  readonly detail: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export const PROBLEMS = {
  invalid_json: { status: 400, title: 'Not JSON', detail: 'The body is not JSON.' },
  not_utf8: { status: 400, title: 'Not UTF-8', detail: 'The body has bytes that are not UTF-8.' },
  not_an_object: { status: 400, title: 'Not an object', detail: 'The body must be a JSON object.' },
  nested_too_deeply: {
    status: 400,
    title: 'Nested too deeply',
    detail: `The body is nested more than ${MAX_JSON_DEPTH} levels deep.`,
  },
  malformed_request: {
    status: 400,
    title: 'Malformed request',
    detail: 'The request is not valid HTTP.',
  },
  incomplete_body: { status: 400, title: 'Incomplete body', detail: 'The request body was cut off.' },
  unauthorized: {
    status: 401,
    title: 'Unauthorized',
    detail: 'Send a valid API key as Authorization: Bearer <key>.',
    headers: { 'www-authenticate': 'Bearer realm="errand"' },
  },
  forbidden: {
    status: 403,
    title: 'Forbidden',
    detail: 'The key may not do this.',
  },
  bad_signature: {
    status: 403,
    title: 'Forbidden',
    detail: "The call does not have its sender's signature.",
  },
  unknown_route: {
    status: 404,
    title: 'Not found',
    detail: 'Nothing is at this path; /docs lists the routes.',
  },
  unknown_tenant: { status: 404, title: 'Not found', detail: 'There is no such tenant.' },
  unknown_action: { status: 404, title: 'Not found', detail: 'There is no such action at this path.' },
  unknown_job: { status: 404, title: 'Not found', detail: 'There is no such job at this path.' },
  no_result: { status: 404, title: 'Not found', detail: 'The job has ended without a result.' },
  unknown_dead_letter: { status: 404, title: 'Not found', detail: 'There is no such dead letter.' },
  unknown_endpoint: { status: 404, title: 'Not found', detail: 'There is no such webhook endpoint.' },
  unknown_delivery: { status: 404, title: 'Not found', detail: 'There is no such delivery.' },
  unknown_replay: { status: 404, title: 'Not found', detail: 'There is no such replay of this endpoint.' },
  unknown_bulk_action: { status: 404, title: 'Not found', detail: 'There is no such bulk action.' },
  unknown_schedule: { status: 404, title: 'Not found', detail: 'There is no such schedule.' },
  unknown_key: { status: 404, title: 'Not found', detail: 'There is no such API key.' },
  unknown_portal_session: {
    status: 404,
    title: 'Not found',
    detail: 'The tenant has no such portal session, or it has ended.',
  },
  unknown_verification: { status: 404, title: 'Not found', detail: 'There is no such verification.' },
  unknown_rebuild: { status: 404, title: 'Not found', detail: 'No rebuild has run yet.' },
  unknown_callback: { status: 404, title: 'Not found', detail: 'There is no such callback.' },
  method_not_allowed: {
    status: 405,
    title: 'Method not allowed',
    detail: 'This path does not support this method.',
  },
  slow_request: { status: 408, title: 'Request timeout', detail: 'The request took too long to arrive.' },
  slow_body: { status: 408, title: 'Request timeout', detail: 'The body took too long to arrive.' },
  too_many_endpoints: {
    status: 409,
    title: 'Limit reached',
    detail: 'The tenant has reached its endpoint limit.',
  },
  too_many_schedules: {
    status: 409,
    title: 'Limit reached',
    detail: 'The tenant has as many schedules as it may have.',
  },
  schedule_exists: {
    status: 409,
    title: 'Conflict',
    detail: 'There is another schedule with this external_id.',
  },
  key_of_another_tenant: {
    status: 409,
    title: 'Not possible',
    detail: "The key is another tenant's: make a token of its own for each.",
  },
  too_many_keys: {
    status: 409,
    title: 'Limit reached',
    detail: 'The tenant has as many keys as it may make itself. Remove one first.',
  },
  too_many_secrets: {
    status: 409,
    title: 'Limit reached',
    detail: 'Three replaced signing secrets are still valid. Wait for one to expire, or send grace_s 0.',
  },
  too_many_bulk_actions: {
    status: 409,
    title: 'Limit reached',
    detail: 'The tenant has as many bulk actions as it may have. Wait for one to end, or abort one.',
  },
  too_many_replays: {
    status: 409,
    title: 'Limit reached',
    detail: 'The endpoint has 10 replays that are not over. Wait for one to end, or cancel one.',
  },
  too_many_portal_sessions: {
    status: 409,
    title: 'Limit reached',
    detail: 'The tenant has as many portal sessions as it may have. Wait for one to end, or revoke one.',
  },
  bulk_action_ended: { status: 409, title: 'Conflict', detail: 'The bulk action has ended.' },
  replay_ended: { status: 409, title: 'Conflict', detail: 'The replay has ended.' },
  tenant_deleting: { status: 409, title: 'Conflict', detail: 'The tenant is being deleted.' },
  rebuild_running: { status: 409, title: 'Conflict', detail: 'A rebuild is already running.' },
  no_rebuild_running: { status: 409, title: 'Conflict', detail: 'No rebuild is running.' },
  already_ended: { status: 409, title: 'Conflict', detail: 'The job has ended.' },
  action_served: { status: 409, title: 'Conflict', detail: 'Executors still serve the action.' },
  not_ended: { status: 409, title: 'Conflict', detail: 'The job has not ended.' },
  input_gone: { status: 409, title: 'Conflict', detail: "The log no longer holds the job's input." },
  verification_running: { status: 409, title: 'Conflict', detail: 'A verification is already running.' },
  verification_ended: { status: 409, title: 'Conflict', detail: 'The verification has ended.' },
  idempotency_in_flight: {
    status: 409,
    title: 'Conflict',
    detail: 'A request with this Idempotency-Key is still in progress. Retry in a moment.',
    headers: { 'retry-after': '1' },
  },
  callback_taken: {
    status: 409,
    title: 'Conflict',
    detail: 'Another call has ended the job.',
  },
  history_out_of_reach: {
    status: 503,
    title: 'Out of reach',
    detail: "The job is too old to find within the request's time limit.",
  },
  events_gone: { status: 410, title: 'Gone', detail: "The log no longer holds the job's events." },
  result_gone: { status: 410, title: 'Gone', detail: "The job's result is no longer kept." },
  job_expired: { status: 410, title: 'Gone', detail: "The job's summary is no longer kept." },
  callback_over: { status: 410, title: 'Gone', detail: 'The job waits for this call no longer.' },
  cursor_expired: {
    status: 410,
    title: 'Gone',
    detail:
      'Endings after this cursor may no longer be kept. Start again without after, or with after=latest.',
  },
  too_large: { status: 413, title: 'Too large', detail: 'The body exceeds the size limit.' },
  unsupported_media_type: {
    status: 415,
    title: 'Unsupported media type',
    detail: 'Send the body as application/json in UTF-8, without a content encoding.',
  },
  invalid_input: {
    status: 422,
    title: 'Invalid input',
    detail: 'The input is invalid; see errors.',
  },
  invalid_result: {
    status: 422,
    title: 'Invalid result',
    detail: "The result does not match the action's schema; see errors. The job keeps waiting.",
  },
  unknown_expectation: {
    status: 417,
    title: 'Expectation failed',
    detail: 'The only supported expectation is 100-continue.',
  },
  unknown_host: {
    status: 421,
    title: 'Misdirected request',
    detail: 'This API does not serve the name in the Host header.',
  },
  idempotency_key_reused: {
    status: 422,
    title: 'Key reused',
    detail: 'This Idempotency-Key was used for another request.',
  },
  too_many_tests: {
    status: 429,
    title: 'Too many tests',
    detail: "The tenant's test calls for this minute are used up.",
  },
  too_many_requests: {
    status: 429,
    title: 'Too many requests',
    detail: 'This key or connection has too many requests in progress, including waits and streams.',
    headers: { 'retry-after': '1' },
  },
  too_many_reads: {
    status: 429,
    title: 'Too many reads',
    detail: 'The tenant has too many list requests in progress or unread. Try again in a moment.',
    headers: { 'retry-after': '1' },
  },
  too_many_changes: {
    status: 429,
    title: 'Too many changes',
    detail: 'The tenant has changed its keys and webhook endpoints as often as it may in a day.',
  },
  too_many_runs: {
    status: 429,
    title: 'Too many runs',
    detail: 'The tenant has asked for as many jobs as it may for now.',
    headers: { 'retry-after': '1' },
  },
  too_many_status_requests: {
    status: 429,
    title: 'Too many status requests',
    detail: 'The tenant has asked for the status of its jobs as often as it may for now.',
    headers: { 'retry-after': '1' },
  },
  too_many_queued: {
    status: 429,
    title: 'Too many queued jobs',
    detail: 'The tenant has as many queued jobs as it may have.',
    headers: { 'retry-after': '5' },
  },
  too_many_log_bytes: {
    status: 429,
    title: 'Too much of the log taken',
    detail:
      "The tenant's jobs take all of the event log that a tenant may have. Try again when some have ended.",
    headers: { 'retry-after': '10' },
  },
  too_many_payload_bytes: {
    status: 429,
    title: 'Too many bytes stored',
    detail:
      "The tenant's large inputs and results take all the room that a tenant may have. Send a smaller one, or try again when older ones have expired.",
    headers: { 'retry-after': '60' },
  },
  headers_too_large: {
    status: 431,
    title: 'Headers too large',
    detail: 'The headers exceed the size limit.',
  },
  internal_error: {
    status: 500,
    title: 'Internal error',
    detail: 'An internal error occurred, logged under the id in instance.',
  },
  callback_early: {
    status: 503,
    title: 'Too early',
    detail: 'The job does not wait for this call yet. Try again.',
    headers: { 'retry-after': '1' },
  },
  overloaded: {
    status: 503,
    title: 'Overloaded',
    detail: 'This server is overloaded. Try again in a moment.',
    headers: { 'retry-after': '1' },
  },
  log_unavailable: {
    status: 503,
    title: 'Unavailable',
    detail: 'The event log did not answer; nothing was confirmed. Try again.',
    headers: { 'retry-after': '2' },
  },
  log_nearly_full: {
    status: 503,
    title: 'Unavailable',
    detail: 'The event log is nearly full. Try again later.',
    headers: { 'retry-after': '30' },
  },
  payloads_full: {
    status: 503,
    title: 'Unavailable',
    detail: 'The store for large inputs and results is full. Send a smaller input, or try again later.',
    headers: { 'retry-after': '30' },
  },
  database_unavailable: {
    status: 503,
    title: 'Unavailable',
    detail: 'The database did not answer in time. Try again.',
    headers: { 'retry-after': '2' },
  },
  webhooks_unavailable: {
    status: 503,
    title: 'Unavailable',
    detail: 'The webhooks service did not answer. Try again.',
    headers: { 'retry-after': '2' },
  },
  provider_unavailable: {
    status: 503,
    title: 'Unavailable',
    detail: 'The sign-in provider did not answer as it should. Try again.',
    headers: { 'retry-after': '5' },
  },
  bad_contract: {
    status: 503,
    title: 'Unavailable',
    detail: 'The action announced an unusable input schema.',
    headers: { 'retry-after': '30' },
  },
} satisfies Record<string, ProblemKind>;
