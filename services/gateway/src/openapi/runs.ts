import { JobSummary, RunAccepted } from '@errand/contracts';
import { z } from 'zod';
import type { CatalogueEntry } from '../actions/action-catalogue.ts';
import { CancelBody } from '../jobs/cancel-job.route.ts';
import { BatchAnswer } from '../runs/batch/run-batch.route.ts';
import { type ActionSchemas, placeOf } from './action-schemas.ts';
import { type Answer, json, jsonBody, type Operation, type Parameter } from './operation.ts';
import * as parameters from './parameters.ts';
import { named, refTo, type Schema } from './schemas.ts';

named('RunAccepted', RunAccepted);
named('JobSummary', JobSummary);
named('BatchAnswer', BatchAnswer);
named('CancelRequest', CancelBody);
const DryRun = named('DryRun', z.object({ valid: z.literal(true) }));

const jobIdNeeded: Parameter = { ...parameters.jobIdInQuery, required: true };
const { tenantId, idempotencyKey, prefer, traceparent, validateOnly, wait, minVersion } = parameters;

/** What a resource's parameters may be: see `action-path.ts`. */
const ResourceParameter: Schema = { type: 'string', minLength: 1, maxLength: 200 };

export const accepted = json(
  'The log holds the job. `Location` is where its status is asked for.',
  RunAccepted,
  { headers: ['Location', 'Retry-After', 'Preference-Applied', 'Idempotency-Replayed'] },
);

const summaryHeaders = ['ETag', 'Retry-After'] as const;

/** A summary whose results have a known schema. */
export function summaryAnswer(description: string, schema: Schema): Answer {
  return {
    description,
    content: { 'application/json': { schema } },
    headers: [...summaryHeaders, 'Location', 'Preference-Applied', 'Idempotency-Replayed'],
  };
}

/** The four operations of an action. */
export function actionOperations(
  { contract }: Pick<CatalogueEntry, 'contract'>,
  schemas: ActionSchemas,
): Operation[] {
  const { path, parameters: words } = placeOf(contract);
  const resource = words.map((name) => ({
    ...{ name, in: 'path' as const, required: true as const, schema: ResourceParameter },
    description: `Of the resource \`${contract.resource}\`.`,
  }));
  const about = contract.description || `The action ${contract.name}.`;
  const action = { name: contract.name, about, path, place: [tenantId, ...resource], schemas };
  return [runOperation(action), batchOperation(action), statusOperation(action), cancelOperation(action)];
}

interface DescribedAction {
  readonly name: string;
  readonly about: string;
  readonly path: string;
  /** The parameters of the path. */
  readonly place: readonly Parameter[];
  readonly schemas: ActionSchemas;
}

const shared = { tag: 'Runs', key: 'tenant' } as const;

function runOperation({ name, about, path, place, schemas }: DescribedAction): Operation {
  const { example, pascalName } = schemas;
  const ended = refTo(schemas.summaryId);
  return {
    ...{ ...shared, method: 'post', path: `${path}/run`, id: `run${pascalName}` },
    summary: `Run ${name}`,
    description: `${about}\n\n202 means that the job is durable; with \`Prefer: wait=n\` the answer may be its summary.`,
    parameters: [...place, validateOnly, idempotencyKey, prefer, traceparent],
    body: { schema: refTo(schemas.runId), required: true, ...(example === undefined ? {} : { example }) },
    answers: {
      200: summaryAnswer('The job ended in the time that the caller wanted to wait, or the input is valid.', {
        anyOf: [ended, refTo('DryRun')],
      }),
      202: accepted,
    },
    problems: RUN_PROBLEMS,
  };
}

function batchOperation({ name, about, path, place, schemas }: DescribedAction): Operation {
  const { example, pascalName } = schemas;
  const items = { type: 'array', items: refTo(schemas.runId), minItems: 1, maxItems: 1_000 };
  return {
    ...{ ...shared, method: 'post', path: `${path}/run-batch`, id: `runBatchOf${pascalName}` },
    summary: `Run ${name} many times`,
    description: `${about}\n\nUp to 1,000 items, each like the body of a run; the answer says of each what became of it.`,
    parameters: [...place, validateOnly, idempotencyKey, traceparent],
    body: {
      schema: { type: 'object', properties: { items }, required: ['items'], additionalProperties: false },
      required: true,
      ...(example === undefined ? {} : { example: { items: [example] } }),
    },
    answers: {
      200: json('With `validate_only`: all items are valid.', DryRun),
      202: json('The log holds the accepted jobs.', BatchAnswer, { headers: ['Idempotency-Replayed'] }),
    },
    problems: RUN_PROBLEMS,
  };
}

function statusOperation({ name, path, place, schemas }: DescribedAction): Operation {
  return {
    ...{ ...shared, method: 'get', path: `${path}/status`, id: `get${schemas.pascalName}Status` },
    summary: `Status of a job of ${name}`,
    description: 'With `wait` the answer comes once the job has ended, or when the time is over.',
    parameters: [...place, jobIdNeeded, wait, minVersion, parameters.ifNoneMatch],
    answers: {
      200: { ...summaryAnswer('The job.', refTo(schemas.summaryId)), headers: summaryHeaders },
      304: { description: 'The caller has this version already.', headers: summaryHeaders },
    },
    problems: ['unknown_action', 'unknown_job', 'job_expired', 'invalid_input', 'history_out_of_reach'],
  };
}

function cancelOperation({ name, path, place, schemas }: DescribedAction): Operation {
  return {
    ...{ ...shared, method: 'post', path: `${path}/cancel`, id: `cancel${schemas.pascalName}` },
    summary: `Cancel a job of ${name}`,
    description: 'Asks for the end of a job of this very action and resource.',
    parameters: [...place, jobIdNeeded],
    body: jsonBody(CancelBody, { required: false }),
    answers: cancelAnswers(refTo(schemas.summaryId)),
    problems: ['unknown_action', ...CANCEL_PROBLEMS],
  };
}

export function cancelAnswers(summary: Schema): Operation['answers'] {
  return {
    200: { ...summaryAnswer('The job is canceled.', summary), headers: summaryHeaders },
    202: { ...summaryAnswer('The executor is asked to stop the job.', summary), headers: summaryHeaders },
  };
}

export const CANCEL_PROBLEMS = [
  'unknown_job',
  'job_expired',
  'already_ended',
  'history_out_of_reach',
] as const;

const RUN_PROBLEMS = [
  ...(['unknown_action', 'invalid_input', 'bad_contract', 'log_nearly_full', 'payloads_full'] as const),
  ...(['idempotency_in_flight', 'idempotency_key_reused'] as const),
];
