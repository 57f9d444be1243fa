import type { ActionCatalogue } from '../../actions/action-catalogue.ts';
import type { TenantHandler } from '../../http/authenticate.ts';
import { Refusal } from '../../http/problem.ts';
import { cursorOf } from '../../http/read-query.ts';
import { answer } from '../../http/respond.ts';
import { currentSummaryOf } from '../job-summary.ts';
import { readListQuery } from './list-query.ts';
import type { JobList } from './list-rows.ts';

/** GET …/jobs: a tenant's jobs, newest first, as the read model has them. */
export function listJobs(deps: {
  list: JobList;
  catalogue: ActionCatalogue;
  now: () => number;
}): TenantHandler {
  return async (c, { tenantId }) => {
    const parameters = new URL(c.req.url).searchParams;
    const read = readListQuery(parameters, deps.now());
    if (read.kind === 'invalid') throw new Refusal('invalid_input', { errors: read.errors });
    const { states, nextBelowId } = await deps.list.page(tenantId, read.query);
    const jobs = states.flatMap((state) => currentSummaryOf(state, deps.catalogue) ?? []);
    const nextCursor = nextBelowId === undefined ? null : cursorOf(nextBelowId);
    return answer(c, { status: 200, body: { jobs, next_cursor: nextCursor } });
  };
}
