import type { CheckDeps } from './check-schedule.ts';
import type { ScheduleStore } from './schedule-store.ts';

/** For handlers about schedules. */
export interface SchedulesGroup {
  readonly schedules: CheckDeps & {
    readonly store: ScheduleStore;
    readonly now: () => number;
    /** How many a tenant may have. */
    readonly perTenant: (tenantId: string) => number;
  };
}
