import type { AuditEntry, ConfigEntry } from '@errand/bus';
import { CLOCK_TOLERANCE_MS, Instant } from '@errand/contracts';
import { z } from 'zod';
import { defineRoute } from '../http/define-route.ts';
import { json } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import { named } from '../openapi/schemas.ts';
import type { AdminGroup } from './admin-group.ts';
import { createAdminQuery } from './admin-query.ts';
import { membersOf } from './audit-entries.ts';
import { AUDIT_PARAMETERS, openAudit, readAuditQuestion } from './audit-query.ts';

const MAX_LIMIT = 500;
const DEFAULT_LIMIT = 100;

const AuditEntryView = named(
  'AuditEntry',
  z.object({
    position: z.int().optional().meta({ description: 'Of an event of a job, in the audit log.' }),
    version: z.int().optional().meta({ description: 'Of an event of a job, in the log.' }),
    config_position: z.int().optional().meta({ description: 'Of a change of configuration.' }),
    filed_at: Instant,
    event: z.unknown().meta({ description: 'A CloudEvent as it is stored; null if it is not JSON.' }),
    body_base64: z.string().optional().meta({ description: 'What is stored, if it is not JSON.' }),
  }),
);

/** How far a page has come in both logs. */
interface Place {
  /** Of the last entry, Unix milliseconds. */
  readonly filedMs: number;
  readonly position: number;
  readonly configPosition: number;
}

export const listAudit = defineRoute({
  method: 'get',
  path: '/admin/audit/entries',
  key: 'admin',
  id: 'listAudit',
  tag: 'Administration',
  summary: 'Read the audit log',
  description: 'Events of jobs and changes of configuration, oldest first, page by page.',
  parameters: [...AUDIT_PARAMETERS, parameters.limit(MAX_LIMIT, DEFAULT_LIMIT), parameters.cursor],
  answers: {
    200: json('A page.', z.object({ entries: z.array(AuditEntryView), next_cursor: z.string().nullable() })),
  },
  problems: ['invalid_input', 'log_unavailable'],
  handle:
    ({ admin: { bus, now } }: AdminGroup) =>
    async (c) => {
      const query = createAdminQuery(c.req.query());
      const question = readAuditQuestion(query, now());
      const limit = query.read('limit', {
        parse: readLimit,
        detail: `must be a whole number from 1 to ${MAX_LIMIT}`,
      });
      const after = query.read('cursor', { parse: readPlace, detail: 'must be the next_cursor of a page' });
      query.check([...AUDIT_PARAMETERS.map(({ name }) => name), 'limit', 'cursor']);
      const most = limit ?? DEFAULT_LIMIT;
      // Changes that other servers have filed a little earlier by their clocks may have come since.
      const sinceMs = after && Math.max(question.sinceMs ?? 0, after.filedMs - CLOCK_TOLERANCE_MS);
      const from = { ...question, sinceMs: sinceMs ?? question.sinceMs };
      const entries = openAudit(bus, from, {
        pageSize: most + 1,
        afterPosition: after?.position || undefined,
      });
      const page: (AuditEntry | ConfigEntry)[] = [];
      for await (const some of entries) {
        page.push(...some.filter((entry) => !isBefore(entry, after)).slice(0, most + 1 - page.length));
        if (page.length > most) break;
      }
      const told = page.slice(0, most);
      const next = page.length > most ? JSON.stringify(textOf(placeBehind(told, after))) : 'null';
      const body = `{"entries":[${told.map((entry) => `{${membersOf(entry)}}`).join(',')}],"next_cursor":${next}}`;
      return new Response(body, {
        headers: {
          'content-type': 'application/json',
          'cache-control': 'no-store',
          'x-request-id': c.env.requestId,
        },
      });
    },
});

function isBefore(entry: AuditEntry | ConfigEntry, after: Place | undefined): boolean {
  if (after === undefined) return false;
  return entry.position <= ('version' in entry ? after.position : after.configPosition);
}

function placeBehind(entries: readonly (AuditEntry | ConfigEntry)[], before: Place | undefined): Place {
  const last = (isEvent: boolean) => entries.findLast((entry) => 'version' in entry === isEvent)?.position;
  return {
    filedMs: entries.at(-1)?.filedMs ?? 0,
    position: last(true) ?? before?.position ?? 0,
    configPosition: last(false) ?? before?.configPosition ?? 0,
  };
}

/** `1764500000000.17.4` */
function textOf({ filedMs, position, configPosition }: Place): string {
  return `${filedMs}.${position}.${configPosition}`;
}

function readPlace(sent: string): Place | undefined {
  if (!/^\d{1,15}\.\d{1,15}\.\d{1,15}$/.test(sent)) return undefined;
  const [filedMs = 0, position = 0, configPosition = 0] = sent.split('.').map(Number);
  return { filedMs, position, configPosition };
}

function readLimit(sent: string): number | undefined {
  const limit = /^\d{1,3}$/.test(sent) ? Number(sent) : 0;
  return limit >= 1 && limit <= MAX_LIMIT ? limit : undefined;
}
