import type {
  ActionContract,
  ApiKey,
  BulkCounts,
  BulkFailure,
  BulkFilter,
  BulkKind,
  JobEvent,
  JobLogEntry,
  JobSummary,
  Schedule,
  ScheduleProgress,
  Tenant,
  TenantLimits,
} from '@errand/contracts';

/* What the API answers, as far as the console reads it. The OpenAPI document is the whole of it. */

export type Job = JobSummary;

export interface JobPage {
  readonly jobs: readonly Job[];
  readonly next_cursor: string | null;
}

/** An event as callers read it. */
export type EventView = JobEvent & { readonly version: number };

/** An entry of a job's log; entries that were stored later have higher ids. */
export type LogEntry = JobLogEntry & { readonly id: number; readonly attempt: number };

export interface LogPage {
  readonly entries: readonly LogEntry[];
  /** Behind which the next page begins; null: there is none. */
  readonly next_after: number | null;
}

export interface Change {
  readonly id: number;
  readonly job_id: string;
  readonly action: string;
  readonly event: EventView;
}

export type ActionView = ActionContract & {
  readonly unserved_since: string | null;
  readonly links: { readonly run: string; readonly status: string };
};

export interface Session {
  readonly role: 'admin' | 'tenant';
  readonly tenant_id?: string;
  readonly name: string;
  readonly scopes?: readonly string[];
  /** Of somebody who came from a sign-in provider. */
  readonly tenants?: readonly { readonly tenant_id: string; readonly scopes?: readonly string[] }[];
  readonly expires_at?: string;
}

export interface Delivery {
  readonly delivery_id: string;
  readonly endpoint_id: string;
  readonly job_id: string | null;
  readonly action: string | null;
  readonly type: string;
  readonly status: string;
  readonly attempts: number;
  readonly next_attempt_at: string | null;
  readonly url: string | null;
  readonly created_at: string;
  readonly updated_at: string;
}

export interface DeliveryPage {
  readonly deliveries: readonly Delivery[];
  readonly next_cursor: string | null;
}

export interface DeliveryAttempt {
  readonly number: number;
  readonly trigger: string;
  readonly started_at: string;
  readonly duration_ms: number;
  readonly status: number | null;
  readonly error_code: string | null;
  readonly request_headers: Readonly<Record<string, string>>;
  readonly response: string | null;
}

export interface Endpoint {
  readonly endpoint_id: string;
  readonly url: string;
  readonly method: string;
  readonly description: string;
  readonly enabled: boolean;
  readonly event_types: readonly string[];
  readonly actions: readonly string[] | null;
  readonly created_at: string;
  readonly health: EndpointHealth | null;
}

interface EndpointHealth {
  readonly state: 'active' | 'failing' | 'disabled' | 'paused';
  readonly failing_since: string | null;
  readonly disabled_reason: string | null;
  readonly next_probe_at: string | null;
  readonly last_success_at: string | null;
  readonly last_failure_at: string | null;
  readonly backlog: {
    readonly pending: number;
    readonly pending_is_capped: boolean;
    readonly oldest_at: string | null;
  };
}

export interface Replay {
  readonly replay_id: string;
  readonly state: string;
  readonly only: string;
  readonly since: string;
  readonly matched: number;
  readonly scheduled: number;
  readonly created_at: string;
}

export interface OwnLimits {
  readonly limits: TenantLimits;
  readonly paused: boolean;
  readonly actions: readonly string[] | null;
  readonly queued: number | null;
}

export type TenantView = Tenant & { readonly limits: TenantLimits; readonly paused: boolean };

export type KeyView = ApiKey & { readonly key_id: string; readonly last_used_at: string | null };

export interface BulkAction {
  readonly bulk_id: string;
  readonly action: BulkKind;
  readonly filter: BulkFilter;
  readonly state: 'running' | 'aborted' | 'done';
  readonly counts: BulkCounts & { readonly matched: number };
  /** Counts by reason. */
  readonly skipped_because: Readonly<Record<string, number>>;
  readonly failures: readonly BulkFailure[];
  readonly created_by: string;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly ended_at: string | null;
}

export type ScheduleView = Omit<Schedule, 'tenant_id' | 'actor' | 'counts_from'> & {
  readonly next_at: string | null;
  readonly last_tick: ScheduleProgress['last_tick'] | null;
  readonly last_job_id: string | null;
  readonly counts: ScheduleProgress['counts'];
};

export interface SchedulePage {
  readonly schedules: readonly ScheduleView[];
  readonly next_cursor: string | null;
}

export interface SchedulePreview {
  readonly ticks: readonly string[];
  readonly clock_changes: readonly ClockChange[];
}

export interface ClockChange {
  readonly at: string;
  readonly minutes_ahead_before: number;
  readonly minutes_ahead_after: number;
  /** Of that day, the first 30. */
  readonly ticks: readonly string[];
}

interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export interface Stats {
  readonly from: string;
  readonly to: string;
  readonly step: 'minute' | 'hour';
  readonly now: {
    readonly queued: number;
    readonly running: number;
    readonly oldest_queued_at: string | null;
  };
  readonly series: readonly (StatsPoint & { readonly at: string })[];
  readonly totals: StatsPoint;
  readonly errors: readonly ErrorGroup[];
}

export interface StatsPoint {
  readonly requested: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly canceled: number;
  readonly expired: number;
  readonly queue_wait_ms: Percentiles | null;
  readonly run_ms: Percentiles | null;
}

export interface ErrorGroup {
  readonly action: string;
  readonly code: string;
  readonly detail: string | null;
  readonly count: number;
  readonly first_seen: string;
  readonly last_seen: string;
  readonly sample_job_id: string;
}

export interface DeadLetter {
  readonly id: number;
  readonly consumer: string;
  readonly subject: string;
  readonly version: number;
  readonly reason: string;
  readonly body: string;
  readonly parked_at: string;
}
