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
  /**
   * Lets a schedule in that is made or changed, by what all of its tenant take in memory.
   * @throws Refusal too_many_schedules
   */
  admit(schedule: Schedule): void;
  /** Calls with the key of each that is made, changed or removed from then on. */
  listen(listener: (key: string) => void): void;
}

/** All of a tenant, as JSON: every gateway has them in memory, where they may take some ten times as much. */
const MOST_BYTES = 8_388_608;

/** The buckets' key of a schedule. */
export function scheduleKey({ tenant_id, schedule_id }: Pick<Schedule, 'tenant_id' | 'schedule_id'>): string {
  return `${tenant_id}.${schedule_id}`;
}

export async function openScheduleStore(bus: Bus): Promise<ScheduleStore> {
  let listener: (key: string) => void = () => {};
  /** By tenant and key, in bytes. */
  const sizes = new Map<string, Map<string, number>>();
  const schedules = await watchSettledBucket(bus, 'schedule', Schedule, (key, schedule) => {
    const tenantId = key.slice(0, key.indexOf('.'));
    const own = sizes.get(tenantId) ?? new Map();
    sizes.set(tenantId, own);
    if (schedule) own.set(key, sizeOf(schedule));
    else own.delete(key);
    listener(key);
  });
  const progress = await bus.buckets.watch(BUCKETS.scheduleProgress, ScheduleProgress);
  return {
    schedules,
    progress,
    of: (tenantId) =>
      [...(sizes.get(tenantId)?.keys() ?? [])].toSorted().flatMap((key) => schedules.peek(key) ?? []),
    count: (tenantId) => sizes.get(tenantId)?.size ?? 0,
    admit(schedule) {
      const own = sizes.get(schedule.tenant_id) ?? new Map<string, number>();
      const before = own.get(scheduleKey(schedule)) ?? 0;
      const after = sizeOf(schedule);
      const all = [...own.values()].reduce((sum, bytes) => sum + bytes, after - before);
      if (after <= before || all <= MOST_BYTES) return;
      const detail = `All schedules of a tenant may have ${MOST_BYTES} bytes as JSON.`;
      throw new Refusal('too_many_schedules', { detail });
    },
    listen(called) {
      listener = called;
    },
    [Symbol.dispose]() {
      schedules.close();
      progress.close();
    },
  };
}

function sizeOf(schedule: Schedule): number {
  return Buffer.byteLength(JSON.stringify(schedule));
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
