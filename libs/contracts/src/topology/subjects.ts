import type { ConfigResource } from '../events/config-changed.ts';
import type { JobEventType } from '../events/events.ts';
import { ENDED_STATUSES, JOB_ENDINGS } from '../events/job-endings.ts';
import { ActionName, ContractId, JobId, type JobRef, TenantId } from '../ids.ts';

/*
 * The only place where a subject is built or taken apart:
 *
 *   jobs.<tenant_id>.<action>.<job_id>.requested.<lane>.<contract_id>
 *   jobs.<tenant_id>.<action>.<job_id>.due.<lane>.<contract_id>
 *   jobs.<tenant_id>.<action>.<job_id>.<event>
 *   turns.leader                                  claims and releases of the scheduler that gives jobs their turns
 *   stored.<a jobs subject>                       what JOBS has stored, announced to current listeners
 *   audit.<tenant_id>.<action>.<event>            a copy for the audit log, `requested` and `due` with what follows
 *   logs.<tenant_id>.<action>.<job_id>            what a job's attempts tell callers while they run
 *   config.tenant.<tenant_id>                     a change of a tenant or its limits
 *   config.<key | endpoint>.<tenant_id>.<id>      a change of one of its keys or endpoints
 *   config.action.<name>                          a change of an action
 *   config.begun                                  says that every change since then is recorded
 *   dead_letters.<consumer>                       what a consumer could not read
 *   redrive.<consumer>                            the same, on its way back
 *   executors.<executor_id>                       asks an executor whether it holds a job, or tells it of a lost one
 *   gateway.commands.callback_key.<action>       asks a gateway for the key of an action's callbacks
 *   scheduler.turns                               asks the scheduler that leads whether it lives
 *   scheduler.commands.<command>                  asks the scheduler, for example to serve an action
 *   webhooks.hints                                names endpoints that have messages to be sent
 *   webhooks.commands.<command>                   asks the webhooks service to do something
 *   projection.commands.<command>                 asks the projection service
 */

/** Executors read `fast`. Jobs in `held` wait for their turn, and executors get them once they are due. */
export const LANES = ['fast', 'held'] as const;
export type Lane = (typeof LANES)[number];

const TOKEN_OF: Record<JobEventType, string> = {
  JobRequested: 'requested',
  JobStarted: 'started',
  JobProgressed: 'progressed',
  JobRetrying: 'retrying',
  JobDeferred: 'deferred',
  JobDue: 'due',
  JobCarried: 'carried',
  JobCancelRequested: 'cancel_requested',
  ...JOB_ENDINGS,
};

const TYPE_OF = new Map(Object.entries(TOKEN_OF).map(([type, token]) => [token, type as JobEventType]));

/** Every job event there is. */
export const ALL_JOB_EVENTS = 'jobs.>';

export interface LeadSubjects {
  /**
   * Where a process says in JOBS that it leads, at first and with each batch that it appends. A batch is guarded by the
   * last such message, so one that has lost the lead writes nothing. It is no event: audit log and readers pass it by.
   */
  readonly lead: string;
  /** Where the one that leads answers. */
  readonly ask: string;
}

/** Of the schedulers, one gives jobs their turns. */
export const TURNS: LeadSubjects = { lead: 'turns.leader', ask: 'scheduler.turns' };
/** Of the gateways, one requests the jobs of schedules. */
export const SCHEDULES: LeadSubjects = { lead: 'schedules.leader', ask: 'gateway.schedules' };

/** Whether a message of JOBS says who leads, and is no event. */
export function isLeadSubject(subject: string): boolean {
  return subject === TURNS.lead || subject === SCHEDULES.lead;
}

/** The four events that end a job, of one tenant. */
export function endingsOf(tenantId: string): string[] {
  return ENDED_STATUSES.map((token) => `jobs.${TenantId.parse(tenantId)}.*.*.${token}`);
}

/** Everything that attempts tell callers. */
export const ALL_JOB_LOGS = 'logs.>';

/** What a job's attempts tell callers. */
export function jobLogSubject(ref: JobRef): string {
  return prefixOf(ref).replace('jobs', 'logs');
}

/** The same of all jobs of an action, or of any: `*`. For permissions. */
export function jobLogSubjects(action: string): string {
  return `logs.*.${action}.*`;
}

/** The same of a job whose action is not known. */
export function jobLogOfAnyAction(tenantId: string, jobId: string): string {
  return `logs.${TenantId.parse(tenantId)}.*.${JobId.parse(jobId)}`;
}

/** The same of a tenant's jobs. */
export function jobLogsOf(tenantId: string): string {
  return `logs.${TenantId.parse(tenantId)}.>`;
}

export const ALL_CONFIG = 'config.>';
export const CONFIG_BEGUN = 'config.begun';

/** Where the changes of something that is configured are recorded. */
export function configSubject({ kind, tenantId, id }: ConfigResource): string {
  if (kind === 'tenant') return `config.tenant.${TenantId.parse(id)}`;
  if (kind === 'action') return `config.action.${ActionName.parse(id)}`;
  return `config.${kind}.${TenantId.parse(tenantId)}.${id}`;
}

/** The changes of a tenant, of an action, or all; an action is nobody's. */
export function configSubjects(wanted: {
  tenantId?: string | undefined;
  action?: string | undefined;
}): string[] {
  const { tenantId, action } = wanted;
  if (tenantId !== undefined && action !== undefined) return [];
  if (action !== undefined) return [`config.action.${ActionName.parse(action)}`];
  if (tenantId === undefined) return [ALL_CONFIG];
  const token = TenantId.parse(tenantId);
  const parts = ['key', 'endpoint', 'schedule'].map((kind) => `config.${kind}.${token}.>`);
  return [`config.tenant.${token}`, ...parts];
}

/** The changes of what a tenant changes itself: its keys, endpoints and schedules. */
export function ownConfigOf(tenantId: string): string {
  return `config.*.${TenantId.parse(tenantId)}.>`;
}

export const ALL_DEAD_LETTERS = 'dead_letters.>';
export const ALL_REDRIVES = 'redrive.>';
export const WEBHOOK_HINTS = 'webhooks.hints';

/** What the executors of a contract read: requests and what is due. */
export function workOf(action: string, contractId: string): string[] {
  const to = `fast.${ContractId.parse(contractId)}`;
  return [`jobs.*.${action}.*.${TOKEN_OF.JobRequested}.${to}`, `jobs.*.${action}.*.${TOKEN_OF.JobDue}.${to}`];
}

function hasLane(type: JobEventType): type is 'JobRequested' | 'JobDue' {
  return type === 'JobRequested' || type === 'JobDue';
}

/** All events of some types, of one action or of all: `*`. For permissions: it is not a guard. */
export function eventSubjectsOf(types: readonly JobEventType[], action = '*'): string[] {
  return types.map((type) => `jobs.*.${action}.*.${TOKEN_OF[type]}${hasLane(type) ? '.>' : ''}`);
}

/** The starts of an action's attempts. */
export function startsOf(action: string): string {
  return `jobs.*.${action}.*.${TOKEN_OF.JobStarted}`;
}

/** The subject of one event. Requests and dues carry their lane and the contract whose executors are to run the job. */
export function eventSubject(
  ref: JobRef,
  { type, data = {} }: { type: JobEventType; data?: object },
  lane: Lane = 'fast',
): string {
  const subject = `${prefixOf(ref)}.${TOKEN_OF[type]}`;
  if (!hasLane(type)) return subject;
  const contractId = 'contract_id' in data ? data.contract_id : undefined;
  return `${subject}.${lane}.${contractId === undefined ? NO_CONTRACT : ContractId.parse(contractId)}`;
}

/** Used where an event names no contract, as events did before contracts had ids. Nobody reads it. */
const NO_CONTRACT = 'none';

/**
 * All events of one job. This literal string is also the guard of every append of that job; a replicated server
 * serialises appends in flight by the literal text of their guard, so no writer may use another one.
 */
export function jobSubjects(ref: JobRef): string {
  return `${prefixOf(ref)}.>`;
}

/** The request of one job, in whichever lane. For reading only: it is not a guard. */
export function requestSubjects(ref: JobRef): string {
  return `${prefixOf(ref)}.${TOKEN_OF.JobRequested}.>`;
}

/** All events of one tenant, or of all. For reading only: it is not a guard. */
export function jobEventsOf(tenantId: string | undefined): string {
  return tenantId === undefined ? ALL_JOB_EVENTS : `jobs.${TenantId.parse(tenantId)}.>`;
}

/** All events of a job whose action is not known. For reading only: it is not a guard. */
export function jobSubjectsOfAnyAction(tenantId: string, jobId: string): string {
  return `jobs.${TenantId.parse(tenantId)}.*.${JobId.parse(jobId)}.>`;
}

/**
 * The tokens of a job's subject, each as its schema requires. One expression, since log readers run it for each event.
 */
const JOB =
  /^jobs\.([A-Za-z0-9_-]{1,64})\.([a-z][a-z0-9_]{0,63})\.([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})/
    .source;
const JOB_PREFIX = new RegExp(`${JOB}$`);
const JOB_SUBJECT = new RegExp(`${JOB}(?:\\.([^.]*)|$)`);

/** The job that a subject belongs to, or undefined for a subject that no writer of ours builds. */
export function refOfSubject(subject: string): JobRef | undefined {
  return parseJobSubject(subject)?.ref;
}

/** The same with the event's type, if the subject has one. */
export function parseJobSubject(
  subject: string,
): { ref: JobRef; type: JobEventType | undefined } | undefined {
  const [, tenantId, action, jobId, token = ''] = JOB_SUBJECT.exec(subject) ?? [];
  if (tenantId === undefined || action === undefined || jobId === undefined) return undefined;
  return { ref: { tenantId, action, jobId }, type: TYPE_OF.get(token) };
}

/** Whether a request waits for its turn. */
export function isHeldSubject(subject: string): boolean {
  return subject.split('.')[5] === 'held';
}

/** The type in a subject, or undefined for a subject that no writer of ours builds. */
export function typeOfSubject(subject: string): JobEventType | undefined {
  return TYPE_OF.get(subject.split('.')[4] ?? '');
}

/** Where JOBS announces that it has stored an event of this subject, or of one that this subject's wildcards cover. */
export function storedSubject(subject: string): string {
  return `stored.${subject}`;
}

/** How a job's event is filed in the audit log, as a subject transform: the job id is left out. */
export const AUDIT_TRANSFORM = {
  src: 'jobs.*.*.*.>',
  dest: 'audit.{{wildcard(1)}}.{{wildcard(2)}}.>',
} as const;

/** Subjects of the audit log for the events of a tenant, an action or some types; whatever is not given matches any. */
export function auditSubjects(wanted: {
  tenantId?: string | undefined;
  action?: string | undefined;
  types?: readonly JobEventType[] | undefined;
}): string[] {
  const tenant = wanted.tenantId === undefined ? '*' : TenantId.parse(wanted.tenantId);
  const action = wanted.action === undefined ? '*' : ActionName.parse(wanted.action);
  const prefix = `audit.${tenant}.${action}`;
  if (!wanted.types) return [`${prefix}.>`];
  return wanted.types.map((type) => `${prefix}.${TOKEN_OF[type]}${hasLane(type) ? '.>' : ''}`);
}

/** The stored events of one type of every job of an action. */
export function storedOfAction(
  action: string,
  type: Exclude<JobEventType, 'JobRequested' | 'JobDue'>,
): string {
  return storedSubject(`jobs.*.${ActionName.parse(action)}.*.${TOKEN_OF[type]}`);
}

/** The job and the type of an event that JOBS announces as stored. */
export function parseStoredSubject(subject: string): { ref: JobRef; type: JobEventType } | undefined {
  const stored = subject.startsWith('stored.') ? subject.slice('stored.'.length) : '';
  const ref = refOfSubject(stored);
  const type = typeOfSubject(stored);
  return ref && type && { ref, type };
}

export function deadLetterSubject(consumer: string): string {
  return `dead_letters.${consumer}`;
}

export function redriveSubject(consumer: string): string {
  return `redrive.${consumer}`;
}

/** Where a service takes a command. */
export function commandSubject(service: string, command: string): string {
  return `${service}.commands.${command}`;
}

/** Where gateways tell executors of an action, or of any (`*`), the key of its callbacks. */
export function callbackKeySubject(action: string): string {
  return commandSubject('gateway', `callback_key.${action}`);
}

/** Where one executor answers. */
export function executorSubject(executorId: string): string {
  return `executors.${executorToken(executorId)}`;
}

/** Where any executor answers. */
export const ALL_EXECUTORS = 'executors.*';

/** An executor's id as a token of subjects and as the key of its heartbeat. */
export function executorToken(executorId: string): string {
  return executorId.replace(/[^A-Za-z0-9_-]/g, '-');
}

/** A dot or a star in a token would widen the subject and the guard: refused rather than escaped. */
function prefixOf({ tenantId, action, jobId }: JobRef): string {
  const prefix = `jobs.${tenantId}.${action}.${jobId}`;
  if (!JOB_PREFIX.test(prefix)) throw new TypeError(`no job has the subject ${JSON.stringify(prefix)}`);
  return prefix;
}
