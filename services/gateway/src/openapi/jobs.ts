import { ActionName, JOB_STATUSES, JobSummary } from '@errand/contracts';
import { z } from 'zod';
import { ActionView } from '../actions/action-view.ts';
import { EndingView } from '../feed/get-feed.route.ts';
import { CancelBody } from '../jobs/cancel-job.route.ts';
import { EventView } from '../jobs/history/event-view.ts';
import { inQuery, json, jsonBody, type Operation } from './operation.ts';
import * as parameters from './parameters.ts';
import { accepted, CANCEL_PROBLEMS, cancelAnswers, summaryAnswer } from './runs.ts';
import { named, refTo, schemaOf } from './schemas.ts';

named('Action', ActionView);
named('JobEvent', EventView);
named('JobEnding', EndingView);
const EmptyBody = named('EmptyRequest', z.strictObject({}));

const { TENANT, tenantId, jobId, limit, cursor, wait, minVersion, lastEventId, instant, listOf } = parameters;
const shared = { tag: 'Jobs', key: 'tenant' } as const;
const JOB = `${TENANT}/jobs/{job_id}`;
const summary = refTo('JobSummary');
const EVENT_STREAM = { 'text/event-stream': { schema: { type: 'string' } } };

export const jobOperations: Operation[] = [
  {
    ...{ ...shared, method: 'get', path: `${TENANT}/jobs`, id: 'listJobs', summary: 'List jobs' },
    description:
      "Newest first. Parameters `metadata.<key>`, 20 at most, ask for jobs whose metadata has this very value there. The list may lag a moment behind the jobs' own status.",
    parameters: [
      tenantId,
      listOf('status', 'Any of these.', { enum: JOB_STATUSES }),
      listOf('action', 'Any of these.', { pattern: '^[a-z][a-z0-9_]{0,63}$' }),
      listOf('source', 'Any of these.', { enum: ['api', 'ui', 'schedule', 'retry'] }),
      inQuery('created_after', 'Jobs requested at or after this time.', instant),
      inQuery('created_before', 'Jobs requested before this time.', instant),
      ...[limit(200, 50), cursor],
    ],
    answers: {
      200: json('A page.', z.object({ jobs: z.array(JobSummary), next_cursor: z.string().nullable() })),
    },
    problems: ['invalid_input', 'database_unavailable', 'too_many_reads'],
  },
  {
    ...{ ...shared, method: 'get', path: JOB, id: 'getJob', summary: 'A job of any action' },
    description: 'As it is, or with `as_of` as it was at a version or a time.',
    parameters: [
      ...[tenantId, jobId, wait, minVersion, parameters.ifNoneMatch],
      inQuery('as_of', 'A version, or a time (RFC 3339). Not beside `wait` and `min_version`.', {
        anyOf: [{ type: 'integer', minimum: 1, maximum: 999_999_999_999_999 }, instant],
      }),
    ],
    answers: {
      200: { ...summaryAnswer('The job.', summary), headers: ['ETag', 'Retry-After'] },
      304: { description: 'The caller has this version already.', headers: ['ETag', 'Retry-After'] },
    },
    problems: ['unknown_job', 'job_expired', 'events_gone', 'history_out_of_reach', 'invalid_input'],
  },
  {
    ...{ ...shared, method: 'get', path: `${JOB}/events`, id: 'listJobEvents', summary: "A job's events" },
    description:
      'Oldest first, inputs left out. With `Accept: text/event-stream` a stream of the same and of what follows.',
    parameters: [
      ...[tenantId, jobId, limit(1_000, 1_000), lastEventId],
      inQuery('after', 'The version behind which to begin.', parameters.wholeNumber),
    ],
    answers: {
      200: {
        description: 'A page, or a stream whose ids are versions.',
        content: {
          'application/json': {
            schema: schemaOf(
              z.object({
                events: z.array(EventView),
                version: z.int().meta({ description: 'The newest version that is known.' }),
                next_after: z.int().nullable().meta({ description: '`after` of the next page.' }),
              }),
            ),
          },
          ...EVENT_STREAM,
        },
      },
      204: { description: 'To a stream that has nothing more to tell: do not come again.' },
    },
    problems: ['unknown_job', 'events_gone', 'history_out_of_reach', 'invalid_input'],
  },
  {
    ...{ ...shared, method: 'get', path: `${JOB}/result`, id: 'downloadResult', summary: "A job's result" },
    description: 'A file as it was made, any other result as JSON. Its SHA-256 is the `ETag`.',
    parameters: [tenantId, jobId, parameters.ifNoneMatch],
    answers: {
      200: {
        description: 'The result.',
        content: {
          'application/json': { schema: {} },
          '*/*': { schema: { type: 'string', format: 'binary' } },
        },
        headers: ['ETag', 'Content-Disposition'],
      },
      304: { description: 'The caller has it already.', headers: ['ETag'] },
    },
    problems: [
      ...(['unknown_job', 'no_result', 'not_ended', 'job_expired', 'result_gone'] as const),
      ...(['history_out_of_reach', 'invalid_input'] as const),
    ],
  },
  {
    ...{ ...shared, method: 'post', path: `${JOB}/cancel`, id: 'cancelJob', summary: 'Cancel a job' },
    description: 'One that is queued ends at once; of one that runs the executor is asked.',
    parameters: [tenantId, jobId],
    body: jsonBody(CancelBody, { required: false }),
    answers: cancelAnswers(summary),
    problems: CANCEL_PROBLEMS,
  },
  {
    ...{ ...shared, method: 'post', path: `${JOB}/retry`, id: 'retryJob', summary: 'Run an ended job again' },
    description: 'A job of its own, with `retry_of`, that is asked for what the ended one was.',
    parameters: [...[tenantId, jobId, parameters.idempotencyKey, parameters.prefer, parameters.traceparent]],
    body: jsonBody(EmptyBody, { required: false }),
    answers: {
      200: summaryAnswer('The job ended in the time that the caller wanted to wait.', summary),
      202: accepted,
    },
    problems: [
      ...(['unknown_job', 'unknown_action', 'job_expired', 'not_ended', 'input_gone'] as const),
      ...(['bad_contract', 'log_nearly_full', 'payloads_full', 'history_out_of_reach'] as const),
      ...(['idempotency_in_flight', 'idempotency_key_reused'] as const),
    ],
  },
  {
    ...{ tag: 'Feed', key: 'tenant', method: 'get', path: `${TENANT}/events`, id: 'readFeed' },
    summary: 'Endings of all jobs',
    description:
      'Each once, in the order of the log. Send `next` as `after` to go on. With `Accept: text/event-stream` a stream without end.',
    parameters: [
      tenantId,
      inQuery('after', 'A cursor, or `latest`. Without it: from the oldest ending that is kept.', {
        type: 'string',
        pattern: '^[A-Za-z0-9_-]{4,48}$',
      }),
      listOf('types', 'Any of these.', { enum: EndingView.shape.type.options }),
      ...[wait, limit(1_000, 100), lastEventId],
    ],
    answers: {
      200: {
        description: 'A page, or a stream whose ids are cursors.',
        content: {
          'application/json': {
            schema: schemaOf(z.object({ events: z.array(EndingView), next: z.string() })),
          },
          ...EVENT_STREAM,
        },
      },
    },
    problems: ['invalid_input', 'cursor_expired', 'database_unavailable'],
  },
  {
    ...{ tag: 'Actions', key: 'tenant', method: 'get', path: `${TENANT}/actions`, id: 'listActions' },
    summary: 'Actions',
    description: 'By name, with the JSON Schemas of their inputs and results.',
    parameters: [tenantId],
    answers: { 200: json('All of them.', z.object({ actions: z.array(ActionView) })) },
  },
  {
    ...{ tag: 'Actions', key: 'tenant', method: 'get', path: `${TENANT}/actions/{name}`, id: 'getAction' },
    summary: 'An action',
    description: 'With the JSON Schemas of its input and result.',
    parameters: [tenantId, { ...parameters.actionName, schema: schemaOf(ActionName) }],
    answers: { 200: json('The action.', ActionView) },
    problems: ['unknown_action'],
  },
];
