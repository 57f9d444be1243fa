import { AUDIT_EXPORT_FORMAT, type AuditExportHeader } from '@errand/contracts';
import manifest from '../../package.json' with { type: 'json' };
import { defineRoute } from '../http/define-route.ts';
import { inQuery } from '../openapi/operation.ts';
import type { AdminGroup } from './admin-group.ts';
import { createAdminQuery } from './admin-query.ts';
import { auditExport } from './audit-export.ts';
import { AUDIT_PARAMETERS, openAudit, readAuditQuestion } from './audit-query.ts';

const PAGE_SIZE = 500;
const SOFTWARE = `errand ${manifest.version}`;

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
    ...AUDIT_PARAMETERS,
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
      const question = readAuditQuestion(query, now());
      const { sinceMs, untilMs, tenantId, action, types } = question;
      const anchor = query.read('anchor', {
        parse: (sent) => (/^[0-9a-f]{64}$/.test(sent) ? sent : undefined),
        detail: 'must be the chain of another export: 64 hex digits',
      });
      query.check([...AUDIT_PARAMETERS.map(({ name }) => name), 'anchor']);
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
      const entries = openAudit(bus, question, { pageSize: PAGE_SIZE });
      return new Response(auditExport({ header, entries }), {
        headers: {
          'content-type': 'application/x-ndjson',
          'cache-control': 'no-store',
          'x-accel-buffering': 'no',
          'x-request-id': c.env.requestId,
        },
      });
    },
});
