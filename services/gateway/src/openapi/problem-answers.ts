import { Problem } from '@errand/contracts';
import { type ProblemCode, problemStatus } from '../http/problem.ts';
import { pascalCase } from './component-names.ts';
import type { HeaderName, Operation } from './operation.ts';
import { named, refTo, type Schema } from './schemas.ts';

named('Problem', Problem);

const ANY: readonly ProblemCode[] = [
  ...(['malformed_request', 'slow_request', 'headers_too_large', 'internal_error'] as const),
  ...(['unknown_expectation', 'unknown_host', 'overloaded'] as const),
];
const WITH_KEY: Record<Operation['key'], readonly ProblemCode[]> = {
  none: [],
  admin: ['unauthorized'],
  // A parameter that no call knows is a wrong input.
  tenant: [
    'unauthorized',
    'forbidden',
    'unknown_tenant',
    'log_unavailable',
    'invalid_input',
    'too_many_requests',
  ],
};
const WITH_BODY: readonly ProblemCode[] = [
  ...(['not_utf8', 'invalid_json', 'nested_too_deeply', 'not_an_object', 'incomplete_body'] as const),
  ...(['slow_body', 'too_large'] as const),
  ...(['unsupported_media_type', 'invalid_input'] as const),
];
const WITH_ID: readonly ProblemCode[] = ['invalid_input'];

const HEADERS: Record<number, readonly HeaderName[]> = {
  401: ['WWW-Authenticate'],
  409: ['Retry-After'],
  429: ['Retry-After', 'RateLimit', 'RateLimit-Policy'],
  503: ['Retry-After'],
};

/** One status with all codes that an operation may answer it with. `name` is the same for the same status and codes. */
export interface ProblemAnswer {
  readonly name: string;
  readonly status: number;
  readonly description: string;
  readonly headers: readonly HeaderName[];
  readonly schema: Schema;
}

/** The errors that an operation may answer with. */
export function problemAnswersOf({ key, body, parameters = [], problems = [] }: Operation): ProblemAnswer[] {
  const names = parameters.map(({ name }) => name);
  const codes = new Set([
    ...[...ANY, ...WITH_KEY[key], ...(body ? WITH_BODY : []), ...problems],
    ...(names.includes('job_id') ? WITH_ID : []),
  ]);
  const byStatus = Map.groupBy([...codes].sort(), problemStatus);
  return [...byStatus].map(([status, known]) => ({
    name: `Problem${status}${pascalCase(known.join('_'))}`,
    status,
    description: known.map((code) => `\`${code}\``).join(', '),
    headers: HEADERS[status] ?? [],
    schema: {
      allOf: [
        refTo('Problem'),
        {
          type: 'object',
          properties: {
            // A generator that is told no type takes the two for never.
            status: { type: 'integer', const: status },
            code: { type: 'string', enum: known },
          },
        },
      ],
    },
  }));
}
