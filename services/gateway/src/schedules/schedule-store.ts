import type { Bus, RecordedBucket, WatchedBucket } from '@errand/bus';
import { BUCKETS, Schedule, ScheduleId, ScheduleProgress } from '@errand/contracts';
import { watchSettledBucket } from '../actions/settled-bucket.ts';
import { Refusal } from '../http/problem.ts';

/** Where schedules are, of all tenants, and how far each has come; in memory too. */
export interface ScheduleStore extends Disposable {
  readonly schedules: RecordedBucket<Schedule>;
  readonly progress: WatchedBucket<ScheduleProgress>;
  /** A tenant's, by their ids, from memory. */
  of(tenantId: string): Schedule[];
  /** How many a tenant has, from memory. */
  count(tenantId: string): number;
  /** Calls with the key of each that is made, changed or removed from then on. */
  listen(listener: (key: string) => void): void;
}

/** The buckets' key of a schedule. */
export function scheduleKey({ tenant_id, schedule_id }: Pick<Schedule, 'tenant_id' | 'schedule_id'>): string {
  return `${tenant_id}.${schedule_id}`;
}

export async function openScheduleStore(bus: Bus): Promise<ScheduleStore> {
  let listener: (key: string) => void = () => {};
  const keys = new Map<string, Set<string>>();
  const schedules = await watchSettledBucket(bus, 'schedule', Schedule, (key, schedule) => {
    const tenantId = key.slice(0, key.indexOf('.'));
    const own = keys.get(tenantId) ?? new Set();
    keys.set(tenantId, own);
    if (schedule) own.add(key);
    else own.delete(key);
    listener(key);
  });
  const progress = await bus.buckets.watch(BUCKETS.scheduleProgress, ScheduleProgress);
  return {
    schedules,
    progress,
    of: (tenantId) => [...(keys.get(tenantId) ?? [])].toSorted().flatMap((key) => schedules.peek(key) ?? []),
    count: (tenantId) => keys.get(tenantId)?.size ?? 0,
    listen(called) {
      listener = called;
    },
    [Symbol.dispose]() {
      schedules.close();
      progress.close();
    },
  };
}

/** @throws Refusal unknown_schedule; LogUnavailable */
export async function readSchedule(
  { schedules }: Pick<ScheduleStore, 'schedules'>,
  tenantId: string,
  scheduleId = '',
): Promise<Schedule> {
  if (!ScheduleId.safeParse(scheduleId).success) throw new Refusal('unknown_schedule');
  const key = scheduleKey({ tenant_id: tenantId, schedule_id: scheduleId });
  const schedule = schedules.peek(key) ?? (await schedules.get(key));
  if (!schedule) throw new Refusal('unknown_schedule');
  return schedule;
}
