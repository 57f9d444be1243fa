import type { AuditPage, Bus, ConfigEntry } from '@errand/bus';
import { ActionName, JOB_EVENT_TYPES, type JobEventType } from '@errand/contracts';
import { inQuery } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import { schemaOf } from '../openapi/schemas.ts';
import type { createAdminQuery } from './admin-query.ts';
import { type AuditEntries, auditEntries } from './audit-entries.ts';

const AUDIT_TYPES = [...JOB_EVENT_TYPES, 'ConfigChanged'] as const satisfies readonly (
  | JobEventType
  | 'ConfigChanged'
)[];
type AuditType = (typeof AUDIT_TYPES)[number];

/** What is asked of the audit log. Times are Unix milliseconds. */
export interface AuditQuestion {
  readonly sinceMs: number | undefined;
  readonly untilMs: number;
  readonly tenantId: string | undefined;
  readonly action: string | undefined;
  readonly types: AuditType[] | undefined;
}

export const AUDIT_PARAMETERS = [
  inQuery('from', 'Filed at or after this time.', parameters.instant),
  inQuery('to', 'Filed before this time; now without one.', parameters.instant),
  parameters.tenantInQuery,
  inQuery('action', 'Only of this action.', schemaOf(ActionName)),
  parameters.listOf('type', 'Any of these.', { enum: AUDIT_TYPES }),
];

export function readAuditQuestion(query: ReturnType<typeof createAdminQuery>, nowMs: number): AuditQuestion {
  return {
    sinceMs: query.time('from'),
    untilMs: query.time('to') ?? nowMs,
    tenantId: query.tenant(),
    action: query.action(),
    types: query.read('type', { parse: readTypes, detail: `must be any of ${AUDIT_TYPES.join(', ')}` }),
  };
}

/** `afterPosition` is of the audit log; what was filed before the question's time is left out. */
export function openAudit(
  bus: Pick<Bus, 'audit' | 'config'>,
  { sinceMs, untilMs, tenantId, action, types }: AuditQuestion,
  { pageSize, afterPosition }: { pageSize: number; afterPosition?: number | undefined },
): AuditEntries {
  const jobTypes = types?.filter((type) => type !== 'ConfigChanged');
  const about = { tenantId, action, sinceMs };
  const pages: AsyncGenerator<AuditPage, void, undefined> =
    jobTypes?.length === 0
      ? nothing()
      : bus.audit.read({ ...about, types: jobTypes, afterPosition, pageSize });
  const wantsChanges = types === undefined || types.includes('ConfigChanged');
  const changes: AsyncGenerator<ConfigEntry, void, undefined> = wantsChanges
    ? bus.config.read(about)
    : nothing();
  return auditEntries({ pages, changes, untilMs });
}

async function* nothing(): AsyncGenerator<never, void, undefined> {}

/** `JobFailed,JobExpired`. */
function readTypes(sent: string): AuditType[] | undefined {
  const types = sent.split(',').map((type) => AUDIT_TYPES.find((known) => known === type));
  return types.every((type) => type !== undefined) ? types : undefined;
}
