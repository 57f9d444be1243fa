import type { Bus } from '@errand/bus';
import {
  AUDIT_EXPORT_FORMAT,
  type AuditExportHeader,
  JOB_EVENT_TYPES,
  type JobEventType,
} from '@errand/contracts';
import type { Handler } from '../http/authenticate.ts';
import { createAdminQuery } from './admin-query.ts';
import { auditExport } from './audit-export.ts';

const PARAMETERS = ['from', 'to', 'tenant', 'action', 'type', 'anchor'];
const PAGE_SIZE = 500;
const SOFTWARE = 'errand 0.1.0';

/**
 * GET /admin/audit[?from=&to=&tenant=&action=&type=&anchor=]: events of the audit log as lines of JSON, chained by
 * hashes. `to` is the moment of the call without one, so that an export ends on a log that grows.
 */
export function exportAudit({
  bus,
  now,
}: {
  bus: { readonly audit: Pick<Bus['audit'], 'read'> };
  now: () => number;
}): Handler {
  return (c) => {
    const query = createAdminQuery(c.req.query());
    const sinceMs = query.time('from');
    const untilMs = query.time('to') ?? now();
    const tenantId = query.tenant();
    const action = query.action();
    const types = query.read('type', {
      parse: readTypes,
      detail: `must be of ${JOB_EVENT_TYPES.join(', ')}`,
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
          ...{ tenant: tenantId ?? null, action: action ?? null, types: types ?? null },
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
  };
}

/** `JobFailed,JobExpired`. */
function readTypes(sent: string): JobEventType[] | undefined {
  const types = sent.split(',').map((type) => JOB_EVENT_TYPES.find((known) => known === type));
  return types.every((type) => type !== undefined) ? types : undefined;
}
