import { z } from 'zod';
import { Instant } from './events/events.ts';
import { ActionName, ContractId } from './ids.ts';

const RESOURCE = /^([a-z][a-z0-9_]*\/\{[a-z][a-z0-9_]*\}(\/|$))*$/;

/** A member of an input of whose each value a tenant may have `limit` jobs at executors at a time. */
const DeclaredKey = z.object({
  name: z.string().regex(/^[a-z][a-z0-9_]{0,63}$/, 'must be snake_case'),
  /** JSON Pointer (RFC 6901) into the input. */
  pointer: z
    .string()
    .regex(/^(\/([^~/]|~[01])*)+$/, 'must be a JSON Pointer such as /account_id')
    .max(200),
  limit: z.int().min(1).max(1_000_000),
});

/** What an executor announces about an action: all that a gateway needs to serve its route and check its inputs. */
export const ActionContract = z.object({
  name: ActionName,
  /**
   * Identifies the path and schemas of the action's requests and results. Executors that announce the same id can run
   * each other's jobs; a job runs only on executors that announce or accept its id.
   */
  contract_id: ContractId,
  /** Ids of the action's other contracts whose jobs this code also runs. */
  accepts: z.array(ContractId).max(16).default([]),
  version: z.string().min(1).max(64),
  description: z.string().max(2000),
  /** The path under the tenant, such as `designs/{design_id}`; empty for an action of the tenant itself. */
  resource: z.string().regex(RESOURCE, 'must look like designs/{design_id}').max(200),
  /** JSON Schema 2020-12. */
  input_schema: z.record(z.string(), z.unknown()),
  result_schema: z.record(z.string(), z.unknown()),
  concurrency_keys: z
    .array(DeclaredKey)
    .max(3)
    .refine((keys) => new Set(keys.map(({ name }) => name)).size === keys.length, 'names a key twice')
    .optional(),
  max_attempts: z.int().min(1),
  timeout_ms: z.int().min(1),
});
export type ActionContract = z.infer<typeof ActionContract>;

/** An announced contract, as the scheduler keeps it. */
export const LiveContract = z.object({
  contract: ActionContract,
  /** The number of the action's consumer that delivers its jobs. */
  slot: z.int().min(0).max(3),
  /** How long its jobs' executors may be silent, in milliseconds. */
  lease_ms: z.int().min(1),
  first_announced_at: Instant,
  /** Who announced it last, and when. */
  announced_by: z.string(),
  announced_at: Instant,
  /** Since when no executor has served it; null while one does. */
  unserved_since: Instant.nullable(),
  /** It takes no more runs, and stays only until its jobs have ended. */
  withdrawn: z.boolean(),
});
export type LiveContract = z.infer<typeof LiveContract>;

/** An action's contracts. Several are live while executors are being replaced. */
export const ActionRecord = z.object({
  contracts: z.array(LiveContract).max(4),
  /** None of its jobs begins. */
  paused: z.boolean().optional(),
});
export type ActionRecord = z.infer<typeof ActionRecord>;

/** How many contracts of an action may have jobs at the same time. */
export const MAX_LIVE_CONTRACTS = 4;

/**
 * The contract under which new runs of an action are accepted: of those that somebody serves (or of all, if nobody
 * serves any), the one whose first announcement is the latest. Undefined for an action that takes no runs.
 */
export function currentContract(record: ActionRecord | undefined): LiveContract | undefined {
  const offered = (record?.contracts ?? []).filter(({ withdrawn }) => !withdrawn);
  const served = offered.filter(({ unserved_since }) => unserved_since === null);
  return (served.length > 0 ? served : offered)
    .toSorted((a, b) => (a.first_announced_at < b.first_announced_at ? -1 : 1))
    .at(-1);
}

/** Words that the API's own paths begin with below a tenant. No action may have such a name. */
export const RESERVED_ACTION_NAMES: readonly string[] = [
  'jobs',
  'actions',
  'webhooks',
  'deliveries',
  'tokens',
  'keys',
  'limits',
  'changes',
  'bulk-actions',
  'portal-sessions',
  'schedules',
  'stats',
  'events',
  'mcp',
];
