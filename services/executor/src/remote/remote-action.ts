import { isDeepStrictEqual } from 'node:util';
import { type Action, FileResult, z } from '@errand/actions';
import { contractIdOf } from '@errand/actions/contract';
import { callbackOf } from '@errand/actions/execution';
import type { Verdict } from '@errand/bus';
import { ActionContract, RESERVED_ACTION_NAMES } from '@errand/contracts';
import { schemaMistakes } from '@errand/json-schema';
import { valueSchema } from '../declared/value-schema.ts';
import type { LoadedAction } from '../loading/load-actions.ts';
import { type ClaimQueue, createClaimQueue, type Seat } from './claim-queue.ts';
import type { RemoteAttempt, RemoteAttempts } from './remote-attempts.ts';

const { name, version, description, resource, accepts, input_schema, concurrency_keys } =
  ActionContract.shape;
/** Node's timers hold no more. */
const seconds = z.number().min(0.001).max(2_147_483);

/** What a worker says of an action that it runs. */
export const Announcement = z.strictObject({
  name: name.refine((word) => !RESERVED_ACTION_NAMES.includes(word), 'the API reserves this word'),
  version: version.default('1'),
  description: description.default(''),
  resource: resource.default(''),
  accepts,
  input_schema,
  result_schema: input_schema.default({}).describe('Not needed where `returns_file` is true.'),
  returns_file: z.boolean().default(false).describe('Results are files, sent before the attempt succeeds.'),
  concurrency_keys,
  logs: z
    .enum(['nobody', 'caller'])
    .default('nobody')
    .describe('Who may read the lines of its attempts, beside operators.'),
  timeout_s: seconds.default(600).describe('For one attempt.'),
  retry: z
    .strictObject({
      max_attempts: z.int().min(1).default(3),
      first_delay_s: seconds.default(1),
      max_delay_s: seconds.default(300),
    })
    .default({ max_attempts: 3, first_delay_s: 1, max_delay_s: 300 }),
});
export type Announcement = z.infer<typeof Announcement>;

/** An action that remote workers run. */
export interface RemoteAction {
  readonly announcement: Announcement;
  readonly loaded: LoadedAction;
  readonly claims: ClaimQueue<RemoteAttempt>;
}

/** How an executor hands a job to somebody outside, if there is anybody. */
export interface Outside {
  /** Slots that nobody fills, beside those of jobs at work. */
  free(): number;
  /** Has `work` done for a job; undefined if there is no slot for it. */
  admit(jobId: string, work: () => Promise<Verdict>): Promise<Verdict> | undefined;
  /** Is told of slots that are free again. */
  onFree(listener: () => void): void;
}

/** What is wrong with an announcement's schemas, one text for each mistake. */
export function mistakesOf({ input_schema: input, result_schema: result }: Announcement): string[] {
  return [
    ...schemaMistakes(input).map(({ path, detail }) => ['input_schema', ...path, detail].join(' / ')),
    ...schemaMistakes(result).map(({ path, detail }) => ['result_schema', ...path, detail].join(' / ')),
  ];
}

export function isSame(one: Announcement, other: Announcement): boolean {
  return isDeepStrictEqual(one, other);
}

/** An action whose attempts are given to the workers that claim them. */
export function remoteAction(announcement: Announcement, attempts: RemoteAttempts): RemoteAction {
  let tell = () => {};
  const claims = createClaimQueue<RemoteAttempt>(() => tell());
  /** By job: a slot is taken before the job is looked at. */
  const seats = new Map<string, Seat<RemoteAttempt>>();
  const { name, retry } = announcement;
  const outside: Outside = {
    free: claims.free,
    admit(jobId, work) {
      // It came once more while it is at work here, and is only looked at.
      if (seats.has(jobId)) return work();
      const seat = claims.reserve();
      return seat && admitted({ jobId, seat }, work);
    },
    onFree(listener) {
      tell = listener;
    },
  };

  async function admitted(
    { jobId, seat }: { jobId: string; seat: Seat<RemoteAttempt> },
    work: () => Promise<Verdict>,
  ): Promise<Verdict> {
    let verdict: Verdict['kind'] = 'again';
    seats.set(jobId, seat);
    try {
      const settled = await work();
      verdict = settled.kind;
      return settled;
    } finally {
      seats.delete(jobId);
      seat.leave();
      attempts.conclude(jobId, verdict);
    }
  }

  const result_schema = announcement.returns_file
    ? z.toJSONSchema(FileResult, { io: 'output' })
    : announcement.result_schema;
  const described: Action = {
    contract: {
      name,
      contract_id: contractIdOf({
        resource: announcement.resource,
        input_schema: announcement.input_schema,
        result_schema,
      }),
      accepts: announcement.accepts,
      version: announcement.version,
      description: announcement.description,
      resource: announcement.resource,
      input_schema: announcement.input_schema,
      result_schema,
      ...(announcement.concurrency_keys === undefined
        ? {}
        : { concurrency_keys: announcement.concurrency_keys }),
      max_attempts: retry.max_attempts,
      timeout_ms: Math.ceil(announcement.timeout_s * 1_000),
    },
    retry: {
      maxAttempts: retry.max_attempts,
      firstDelayMs: Math.ceil(retry.first_delay_s * 1_000),
      maxDelayMs: Math.ceil(retry.max_delay_s * 1_000),
    },
    concurrency: 1,
    thread: 'main',
    logs: announcement.logs,
    callback: callbackOf(),
    input: valueSchema(announcement.input_schema),
    result: valueSchema(result_schema),
    returnsFile: announcement.returns_file,
    run: (attempt) => attempts.run(described, attempt, (remote) => seats.get(attempt.jobId)?.give(remote)),
  };
  return { announcement, loaded: { action: described, outside }, claims };
}
