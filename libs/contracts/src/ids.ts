import { z } from 'zod';

/** A tenant's name, 1-64 of `A-Z a-z 0-9 _ -`: one subject token, so it can never widen a subject or a guard. */
export const TenantId = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1-64 letters, digits, _ or -');
export type TenantId = z.infer<typeof TenantId>;

/** An action's name in snake_case, at most 64 characters: one subject token. */
export const ActionName = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,63}$/, 'must be snake_case, at most 64 characters');
export type ActionName = z.infer<typeof ActionName>;

/** Tells an action's contracts apart, 1-32 of `A-Z a-z 0-9 _ -`: one subject token. */
export const ContractId = z.string().regex(/^[A-Za-z0-9_-]{1,32}$/, 'must be 1-32 letters, digits, _ or -');

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** A job's id: a lower-case UUIDv7, so ids sort by the time at which their job was requested. */
export const JobId = z.string().regex(UUID_V7, 'must be a lower-case UUIDv7');
export type JobId = z.infer<typeof JobId>;

/** An event's id: a lower-case UUIDv7. It is also the `webhook-id` of every delivery of that event. */
export const EventId = z.string().regex(UUID_V7, 'must be a lower-case UUIDv7');

/** Its digits follow from the `external_id`, if it has one: so a tenant has one schedule of each. */
export const ScheduleId = z.string().regex(/^sch_[0-9a-f]{32}$/, 'must be sch_ and 32 hexadecimal digits');

/** Where a job lives. With `action` unknown, `'*'` finds it under whichever action it has. */
export interface JobRef {
  readonly tenantId: TenantId;
  readonly action: ActionName;
  readonly jobId: JobId;
}

/** The millisecond written into the first 48 bits of a UUIDv7 (RFC 9562, 5.7), as Unix time. */
export function uuidV7TimeMs(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/** The smallest UUIDv7-ordered value of a millisecond: a bound for ranges over ids, not itself a valid id. */
export function uuidV7Floor(timeMs: number): string {
  const hex = Math.max(0, Math.floor(timeMs)).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-0000-0000-000000000000`;
}
