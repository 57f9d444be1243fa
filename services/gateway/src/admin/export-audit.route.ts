import {
  ActionName,
  AUDIT_EXPORT_FORMAT,
  type AuditExportHeader,
  JOB_EVENT_TYPES,
  type JobEventType,
} from '@errand/contracts';
import manifest from '../../package.json' with { type: 'json' };
import { defineRoute } from '../http/define-route.ts';
import { inQuery } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import { schemaOf } from '../openapi/schemas.ts';
import type { AdminGroup } from './admin-group.ts';
import { createAdminQuery } from './admin-query.ts';
import { auditExport } from './audit-export.ts';

const PARAMETERS = ['from', 'to', 'tenant', 'action', 'type', 'anchor'];
const PAGE_SIZE = 500;
const SOFTWARE = `errand ${manifest.version}`;
const EXPORT_TYPES = [...JOB_EVENT_TYPES, 'ConfigChanged'] as const satisfies readonly (
  | JobEventType
  | 'ConfigChanged'
)[];
type ExportType = (typeof EXPORT_TYPES)[number];

/**
 * Events of the audit log, and changes of tenants, keys, endpoints and actions, as lines of JSON, chained by hashes. Without `to` they end at the moment of the
 * call, so an export ends even while the log grows.
 */
export const exportAudit = defineRoute({
  method: 'get',
  path: '/admin/audit',
  key: 'admin',
  id: 'exportAudit',
  tag: 'Administration',
  summary: 'Export the audit log',
  description: 'Lines of JSON, chained by hashes. A file without its manifest was cut off.',
  parameters: [
    inQuery('from', 'Filed at or after this time.', parameters.instant),
    inQuery('to', 'Filed before this time; now without one.', parameters.instant),
    parameters.tenantInQuery,
    inQuery('action', 'Only of this action.', schemaOf(ActionName)),
    parameters.listOf('type', 'Any of these.', { enum: EXPORT_TYPES }),
    inQuery('anchor', '`chain` of the export before.', { type: 'string', pattern: '^[0-9a-f]{64}$' }),
  ],
  answers: {
    200: {
      description: 'A header, the events, a manifest.',
      content: { 'application/x-ndjson': { schema: { type: 'string' } } },
    },
  },
  problems: ['invalid_input'],
  handle:
    ({ admin: { bus, now } }: AdminGroup) =>
    (c) => {
      const query = createAdminQuery(c.req.query());
      const sinceMs = query.time('from');
      const untilMs = query.time('to') ?? now();
      const tenantId = query.tenant();
      const action = query.action();
      const types = query.read('type', {
        parse: readTypes,
        detail: `must be any of ${EXPORT_TYPES.join(', ')}`,
      });
      const anchor = query.read('anchor', {
        parse: (sent) => (/^[0-9a-f]{64}$/.test(sent) ? sent : undefined),
        detail: 'must be the chain of another export: 64 hex digits',
      });
      query.check(PARAMETERS);
      const header = {
        export: {
          format: AUDIT_EXPORT_FORMAT,
          query: {
            from: sinceMs === undefined ? null : new Date(sinceMs).toISOString(),
            to: new Date(untilMs).toISOString(),
            tenant: tenantId ?? null,
            action: action ?? null,
            types: types ?? null,
          },
          exported_at: new Date(now()).toISOString(),
          software: SOFTWARE,
          anchor: anchor ?? null,
        },
      } satisfies AuditExportHeader;
      const jobTypes = types?.filter((type) => type !== 'ConfigChanged');
      const pages =
        jobTypes?.length === 0
          ? noEntries()
          : bus.audit.read({ tenantId, action, types: jobTypes, sinceMs, pageSize: PAGE_SIZE });
      const wantsChanges = types === undefined || types.includes('ConfigChanged');
      const changes = wantsChanges ? bus.config.read({ tenantId, action, sinceMs }) : noEntries();
      return new Response(auditExport({ header, pages, changes, untilMs }), {
        headers: {
          'content-type': 'application/x-ndjson',
          'cache-control': 'no-store',
          'x-accel-buffering': 'no',
          'x-request-id': c.env.requestId,
        },
      });
    },
});

async function* noEntries(): AsyncGenerator<never, void, undefined> {}

/** `JobFailed,JobExpired`. */
function readTypes(sent: string): ExportType[] | undefined {
  const types = sent.split(',').map((type) => EXPORT_TYPES.find((known) => known === type));
  return types.every((type) => type !== undefined) ? types : undefined;
}
