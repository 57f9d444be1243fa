import {
  BULK_KINDS,
  BULK_STATES,
  type BulkAction,
  BulkCounts,
  BulkFailure,
  BulkFilter,
  EventId,
  Instant,
} from '@errand/contracts';
import { z } from 'zod';
import { named } from '../openapi/schemas.ts';

const BulkFilterSchema = named('BulkFilter', BulkFilter);

export const BulkRequest = named(
  'BulkActionRequest',
  z.strictObject({
    action: z.enum(BULK_KINDS),
    filter: BulkFilterSchema,
    dry_run: z.boolean().default(false).meta({ description: 'Counts only.' }),
  }),
);

export const BulkView = named(
  'BulkAction',
  z.object({
    bulk_id: EventId,
    action: z.enum(BULK_KINDS),
    filter: BulkFilterSchema,
    state: z.enum(BULK_STATES),
    counts: BulkCounts.extend({
      matched: z
        .int()
        .min(0)
        .meta({ description: 'At the acceptance; once it is done, how many had their turn.' }),
    }),
    skipped_because: z.record(z.string(), z.int()).meta({ description: 'Counts by reason.' }),
    failures: z.array(BulkFailure).meta({ description: 'The first 20.' }),
    created_by: z.string(),
    created_at: Instant,
    started_at: Instant.nullable(),
    ended_at: Instant.nullable(),
    links: z.object({ bulk_action: z.string(), abort: z.string(), resume: z.string() }),
  }),
);

/** The answer to a dry run. */
export const BulkCount = named('BulkActionCount', z.object({ matched: z.int().min(0) }));

/** A bulk action as callers read it. */
export function bulkView(action: BulkAction): z.infer<typeof BulkView> {
  const { done, skipped, failed } = action.counts;
  const over = done + skipped + failed;
  const matched = action.state === 'done' ? over : Math.max(action.matched, over);
  return {
    bulk_id: action.bulk_id,
    action: action.action,
    filter: action.filter,
    state: action.state,
    counts: { matched, ...action.counts },
    skipped_because: action.skips,
    failures: action.failures,
    created_by: action.created_by,
    created_at: action.created_at,
    started_at: action.started_at,
    ended_at: action.ended_at,
    links: bulkLinks(action),
  };
}

/** Where a bulk action is asked about, stopped and resumed. */
export function bulkLinks({ tenant_id, bulk_id }: Pick<BulkAction, 'tenant_id' | 'bulk_id'>) {
  const self = `/v2/tenants/${tenant_id}/bulk-actions/${bulk_id}`;
  return { bulk_action: self, abort: `${self}/abort`, resume: `${self}/resume` };
}
