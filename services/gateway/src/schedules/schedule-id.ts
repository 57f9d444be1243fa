import { hash, randomBytes } from 'node:crypto';
import { ScheduleId } from '@errand/contracts';
import { inPath } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';

export const SCHEDULES = `${parameters.TENANT}/schedules`;
export const SCHEDULE = `${SCHEDULES}/{schedule_id}`;
export const scheduleId = inPath('schedule_id', "The schedule's id.", ScheduleId);

/** The same for the same external id of a tenant. */
export function newScheduleId(tenantId: string, externalId: string | undefined): string {
  const digits =
    externalId === undefined
      ? randomBytes(16).toString('hex')
      : hash('sha256', JSON.stringify([tenantId, externalId]), 'hex').slice(0, 32);
  return `sch_${digits}`;
}

/** A schedule's digits as a cursor. */
export function cursorOfSchedule(id: string): string {
  return Buffer.from(id.slice(4), 'hex').toString('base64url');
}

export function readScheduleCursor(text: string): { value: string } | { wrong: string } {
  return /^[\w-]{22}$/.test(text)
    ? { value: `sch_${Buffer.from(text, 'base64url').toString('hex')}` }
    : { wrong: 'must be the next_cursor of a response' };
}
