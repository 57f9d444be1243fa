import { z } from '@errand/actions';
import {
  ActionContract,
  ExecutorHeartbeat,
  JobEvent,
  JobFault,
  JobLogBatch,
  PayloadRef,
  SCHEDULER_COMMANDS,
} from '@errand/contracts';

/** JSON Schema 2020-12 for separate files; AsyncAPI's tools read draft 7. */
export type Dialect = 'draft-2020-12' | 'draft-7';

export type JsonSchema = Record<string, unknown>;

/** What a writer puts into its events; `type` says which schema applies to the whole. */
const Envelope = JobEvent.options[0].extend({ type: z.string(), data: z.record(z.string(), z.unknown()) });

const DESCRIBED: Record<string, { schema: z.ZodType; description: string }> = {
  Envelope: {
    schema: Envelope,
    description: 'What all events share, including future types: a CloudEvent 1.0.',
  },
  ActionContract: {
    schema: ActionContract,
    description: 'What an executor announces about an action.',
  },
  Announcement: {
    schema: SCHEDULER_COMMANDS.announce.request,
    description: 'A contract that an executor starts to serve.',
  },
  AnnounceAnswer: {
    schema: SCHEDULER_COMMANDS.announce.answer,
    description: 'The consumers to pull from, or why the executor may not serve it.',
  },
  Withdrawal: {
    schema: SCHEDULER_COMMANDS.withdraw.request,
    description: 'A contract that an executor no longer serves.',
  },
  WithdrawAnswer: {
    schema: SCHEDULER_COMMANDS.withdraw.answer,
    description: 'Whether the contract stopped accepting runs.',
  },
  ExecutorHeartbeat: {
    schema: ExecutorHeartbeat,
    description: 'What an executor serves and runs, in the bucket `executors` under its id.',
  },
  JobLogBatch: { schema: JobLogBatch, description: 'What an attempt tells callers while it runs.' },
  JobFault: { schema: JobFault, description: 'Why a job did not succeed, as shown to callers.' },
  PayloadRef: { schema: PayloadRef, description: 'Where an input or result outside its event is.' },
};

/**
 * The protocol's schemas by name, including one for each type of event. They allow unknown members: a published schema
 * is only added to.
 */
export function protocolSchemas(dialect: Dialect): Record<string, JsonSchema> {
  const events = JobEvent.options.map((option) => {
    const type = option.shape.type.value;
    return [type, schemaOf(option, { dialect, title: type, description: `The event ${type}.` })] as const;
  });
  const others = Object.entries(DESCRIBED).map(
    ([title, { schema, description }]) => [title, schemaOf(schema, { dialect, title, description })] as const,
  );
  return Object.fromEntries([...events, ...others]);
}

function schemaOf(
  schema: z.ZodType,
  { dialect, title, description }: { dialect: Dialect; title: string; description: string },
): JsonSchema {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input', target: dialect });
  // Within an AsyncAPI document, the document declares the dialect of its schemas.
  return { ...(dialect === 'draft-7' ? {} : { $schema }), title, description, ...rest };
}
