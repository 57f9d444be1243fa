import type { Db } from '@errand/postgres';
import { sql } from 'kysely';
import type { WantedJobs } from './list-query.ts';

/**
 * The rows of a tenant's jobs that are wanted and whose request is known. Bounds of the id are bounds of partitions: days
 * outside of them are not touched.
 */
export function selectWanted(db: Db, tenantId: string, wanted: WantedJobs) {
  const { statuses, actions, sources, metadata, text, fromId, belowId } = wanted;
  let rows = db
    .selectFrom('job_summary')
    .where('tenant_id', '=', tenantId)
    .where('job_id', '>=', fromId)
    .where('created_at', 'is not', null)
    .where('status', 'is not', null);
  if (belowId !== undefined) rows = rows.where('job_id', '<', belowId);
  if (statuses.length > 0) rows = rows.where('status', 'in', statuses);
  if (actions.length > 0) rows = rows.where('action', 'in', actions);
  const request = sql`request::jsonb`;
  if (metadata.size > 0) {
    const entries = JSON.stringify({ metadata: Object.fromEntries(metadata) });
    rows = rows.where(sql<boolean>`${request} @> ${entries}::jsonb`);
  }
  if (text !== undefined) {
    rows =
      rows.where(sql<boolean>`(error_code = ${text} or starts_with(job_id::text, lower(${text})) or exists (
      select from jsonb_each_text(${request}->'metadata') as entry where entry.value = ${text}))`);
  }
  if (sources.length > 0) rows = rows.where(sql<string>`${request}->>'source'`, 'in', sources);
  return rows;
}
