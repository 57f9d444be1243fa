import {
  ActionName,
  AUDIT_EXPORT_FORMAT,
  type AuditExportHeader,
  JOB_EVENT_TYPES,
  type JobEventType,
} from '@errand/contracts';
import { defineRoute } from '../http/define-route.ts';
import { inQuery } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import { schemaOf } from '../openapi/schemas.ts';
import type { AdminGroup } from './admin-group.ts';
import { createAdminQuery } from './admin-query.ts';
import { auditExport } from './audit-export.ts';

const PARAMETERS = ['from', 'to', 'tenant', 'action', 'type', 'anchor'];
const PAGE_SIZE = 500;
const SOFTWARE = 'errand 0.1.0';

/**
 * Events of the audit log as lines of JSON, chained by hashes. Without `to` they end at the moment of the
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
    parameters.listOf('type', 'Any of these.', { enum: JOB_EVENT_TYPES }),
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
        detail: `must be any of ${JOB_EVENT_TYPES.join(', ')}`,
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
      const pages = bus.audit.read({ tenantId, action, types, sinceMs, pageSize: PAGE_SIZE });
      return new Response(auditExport({ header, pages, untilMs }), {
        headers: {
          'content-type': 'application/x-ndjson',
          'cache-control': 'no-store',
          'x-accel-buffering': 'no',
          'x-request-id': c.env.requestId,
        },
      });
    },
});

/** `JobFailed,JobExpired`. */
function readTypes(sent: string): JobEventType[] | undefined {
  const types = sent.split(',').map((type) => JOB_EVENT_TYPES.find((known) => known === type));
  return types.every((type) => type !== undefined) ? types : undefined;
}
