/** What a tick does while the job of the tick before has not ended. */
export type ScheduleOverlap = 'queue' | 'skip' | 'cancel_running';
/** Which of the ticks that were missed for more than a minute are made up for. */
export type ScheduleCatchUp = 'none' | 'last' | 'all';

/** What became of a tick. `missed`: nobody was there, and it was not made up for. `refused`: its run was. */
export interface ScheduleTick {
  /** When it was due (RFC 3339). */
  readonly at: string;
  readonly outcome: 'requested' | 'skipped' | 'missed' | 'refused';
  readonly job_id: string | null;
  readonly code: string | null;
  readonly detail: string | null;
}

export interface Schedule {
  readonly schedule_id: string;
  readonly external_id: string | null;
  readonly description: string;
  readonly action: string;
  readonly resource: Readonly<Record<string, string>>;
  readonly input: Readonly<Record<string, unknown>>;
  /** What a run may say under `_job`. */
  readonly job: Readonly<Record<string, unknown>>;
  readonly cron: string | null;
  readonly time_zone: string;
  readonly every_s: number | null;
  readonly starts_at: string | null;
  readonly ends_at: string | null;
  readonly overlap: ScheduleOverlap;
  readonly catch_up: ScheduleCatchUp;
  readonly spread_s: number;
  readonly paused: boolean;
  /** Null while it is paused, and when no tick is left. */
  readonly next_at: string | null;
  readonly last_tick: ScheduleTick | null;
  readonly last_job_id: string | null;
  readonly counts: Readonly<Record<ScheduleTick['outcome'], number>>;
  readonly created_by: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly links: { readonly schedule: string; readonly preview: string; readonly run: string };
}

export interface SchedulePreview {
  /** The next ten. */
  readonly ticks: readonly string[];
  /** Of the coming year, in the schedule's time zone, with what ticks on those days. */
  readonly clock_changes: readonly {
    readonly at: string;
    readonly minutes_ahead_before: number;
    readonly minutes_ahead_after: number;
    readonly ticks: readonly string[];
  }[];
}
