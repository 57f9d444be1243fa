import { z } from 'zod';
import { ActionContract } from '../action-contract.ts';
import { Instant } from '../events/events.ts';
import { QueuePlace } from '../http/job-summary.ts';
import { ActionName, ContractId, JobId, TenantId } from '../ids.ts';
import type { CommandAnswer, CommandRequest } from './commands.ts';

/*
 * What the scheduler can be asked to do, by executors in any language too. Any of its processes answers.
 */

/** The version of the executor protocol that this program speaks. */
export const EXECUTOR_PROTOCOL = 2;

const refused = z.object({
  kind: z.literal('refused'),
  /**
   * `other_path`: a live executor serves the action at another path. `other_content`: the id already stands for another
   * path or other schemas. `too_many_contracts`: four others still have jobs. `too_large`: the action's contracts do
   * not fit one message. `old_protocol`: the executor is older than the system. `invalid_request`: the request does not
   * fit its schema.
   */
  code: z.enum([
    'other_path',
    'other_content',
    'too_many_contracts',
    'too_large',
    'old_protocol',
    'invalid_request',
  ]),
  /** For people. */
  message: z.string().default(''),
});

/** A contract that an executor starts or continues to serve. */
const Announcement = z.object({
  executor_id: z.string().min(1).max(200),
  protocol: z.int(),
  /** The same for all executors of the action; the newest one counts. */
  lease_ms: z.int().min(1_000).max(600_000),
  contract: ActionContract,
});

/** What the executor pulls from: its own contract's consumer, and those of the contracts that it accepts. */
const WorkSource = z.object({
  /** Durable consumer of JOBS. */
  consumer: z.string(),
  contract_id: ContractId,
  /** The schema that the results of these jobs must fit. */
  result_schema: z.record(z.string(), z.unknown()),
});
export type WorkSource = z.infer<typeof WorkSource>;

const AnnounceAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('admitted'), sources: z.array(WorkSource) }),
  refused,
]);

const Withdrawal = z.object({ executor_id: z.string(), action: ActionName, contract_id: ContractId });
const WithdrawAnswer = z.discriminatedUnion('kind', [
  /** The contract takes no more runs. */
  z.object({ kind: z.literal('withdrawn') }),
  /** Another executor serves it. */
  z.object({ kind: z.literal('kept'), executors: z.array(z.string()) }),
  refused,
]);

const OpenJobsAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('counted'), waiting: z.int().min(0) }),
  /** It has not yet read the log. */
  z.object({ kind: z.literal('unknown') }),
  refused,
]);

const UsageAnswer = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('usage'),
    queued: z.int().min(0),
    /** For how long the tenant's rate of runs is used up by those that there were, in milliseconds. */
    backlog_ms: z.number().min(0),
    /** How many bytes of the log are the tenant's events, roughly. */
    log_bytes: z.int().min(0).optional(),
  }),
  z.object({ kind: z.literal('unknown') }),
  refused,
]);

const PlaceAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('place'), place: QueuePlace }),
  /** It has begun, has ended, or is not known so far. */
  z.object({ kind: z.literal('unknown') }),
  refused,
]);

const RoomAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('room'), jobs: z.int().min(0) }),
  /** It has not read the log so far. */
  z.object({ kind: z.literal('unknown') }),
  refused,
]);

/** What the executors of an action have to do, by the log. Jobs are counted. */
export const ActionDemand = z.object({
  /** Could be run now, and are not: they wait for their turn or for an executor. */
  queued: z.int().min(0),
  /** Of those, the ones that wait for their turn. */
  held: z.int().min(0),
  /** Of those, the ones that limits of their tenants, or a pause, hold back whatever executors there are. */
  limited: z.int().min(0),
  /** An attempt is under way. */
  running: z.int().min(0),
  /** Wait for a start_after, their next attempt or an outside system, for another minute at most. */
  due_within_60s: z.int().min(0),
  /** For how long the oldest queued one could have been run, in seconds; 0 where none is queued. */
  oldest_s: z.number().min(0),
});
export type ActionDemand = z.infer<typeof ActionDemand>;

const DemandAnswer = z.discriminatedUnion('kind', [
  /** Of every action that has had a job. */
  z.object({ kind: z.literal('demand'), actions: z.record(ActionName, ActionDemand) }),
  z.object({ kind: z.literal('unknown') }),
  refused,
]);

export const SCHEDULER_COMMANDS = {
  announce: { request: Announcement, answer: AnnounceAnswer },
  withdraw: { request: Withdrawal, answer: WithdrawAnswer },
  /**
   * How many more jobs of a tenant and an action may go to the executors without waiting for a turn, as of a version of
   * the log or later.
   */
  room: {
    request: z.object({ tenant_id: TenantId, action: ActionName, version: z.int().min(0) }),
    answer: RoomAnswer,
  },
  /** Why a job of a version, or a later one, waits. */
  place: {
    request: z.object({ job_id: JobId, version: z.int().min(0) }),
    answer: PlaceAnswer,
  },
  /** How many jobs of a tenant are queued and were asked for, as of a version of the log or later. */
  usage: {
    request: z.object({ tenant_id: TenantId, version: z.int().min(0) }),
    answer: UsageAnswer,
  },
  /** What the executors of each action have to do, as of a version of the log or later. */
  demand: { request: z.object({ version: z.int().min(0) }), answer: DemandAnswer },
  /** How many jobs wait for a later time or for their turn, and are in no consumer. */
  waiting_jobs: { request: z.object({}), answer: OpenJobsAnswer },
} as const;

type SchedulerCommand = keyof typeof SCHEDULER_COMMANDS;
export type SchedulerRequest<C extends SchedulerCommand> = CommandRequest<typeof SCHEDULER_COMMANDS, C>;
export type SchedulerAnswer<C extends SchedulerCommand> = CommandAnswer<typeof SCHEDULER_COMMANDS, C>;

/** What an executor reports about itself while it lives. */
export const ExecutorHeartbeat = z.object({
  executor_id: z.string().min(1).max(200),
  protocol: z.int(),
  /** The program's version, for people. */
  version: z.string().max(64),
  started_at: Instant,
  contracts: z.array(
    z.object({
      action: ActionName,
      contract_id: ContractId,
      /** How many attempts it can run at once, and how many it is running. */
      slots: z.int().min(0),
      running: z.int().min(0),
    }),
  ),
});
export type ExecutorHeartbeat = z.infer<typeof ExecutorHeartbeat>;
