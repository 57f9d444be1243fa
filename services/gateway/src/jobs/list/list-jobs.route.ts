import { JOB_SOURCES, JOB_STATUSES, JobSummary } from '@errand/contracts';
import { z } from 'zod';
import { defineRoute } from '../../http/define-route.ts';
import { Refusal } from '../../http/problem.ts';
import { cursorOf } from '../../http/read-query.ts';
import { answer } from '../../http/respond.ts';
import { inQuery, json } from '../../openapi/operation.ts';
import * as parameters from '../../openapi/parameters.ts';
import { currentSummaryOf } from '../job-summary.ts';
import type { JobsGroup } from '../jobs-group.ts';
import { narrowTo, readListQuery } from './list-query.ts';

/** A tenant's jobs, newest first, as the read model has them. */
export const listJobs = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/jobs',
  key: 'tenant',
  scope: 'jobs:read',
  reads: 'limited',
  keyLimits: 'kept',
  id: 'listJobs',
  tag: 'Jobs',
  summary: 'List jobs',
  description:
    "Newest first. Parameters `metadata.<key>`, 20 at most, ask for jobs whose metadata has this very value there. The list may lag a moment behind the jobs' own status.",
  parameters: [
    parameters.tenantId,
    parameters.listOf('status', 'Any of these.', { enum: JOB_STATUSES }),
    parameters.listOf('action', 'Any of these.', { pattern: '^[a-z][a-z0-9_]{0,63}$' }),
    parameters.listOf('source', 'Any of these.', { enum: JOB_SOURCES }),
    inQuery(
      'q',
      'Jobs with this as the beginning of their id, a value of their metadata, or an error code.',
      {
        type: 'string',
        minLength: 1,
        maxLength: 500,
      },
    ),
    inQuery('created_after', 'Jobs requested at or after this time.', parameters.instant),
    inQuery('created_before', 'Jobs requested before this time.', parameters.instant),
    parameters.limit(200, 50),
    parameters.cursor,
  ],
  answers: {
    200: json('A page.', z.object({ jobs: z.array(JobSummary), next_cursor: z.string().nullable() })),
  },
  problems: ['invalid_input', 'database_unavailable', 'too_many_reads'],
  handle:
    ({ jobs }: JobsGroup) =>
    async (c, { tenantId, only }) => {
      if (only.jobId !== undefined) throw new Refusal('forbidden', { detail: 'The token is for one job.' });
      const read = readListQuery(new URL(c.req.url).searchParams, jobs.now());
      if (read.kind === 'invalid') throw new Refusal('invalid_input', { errors: read.errors });
      const query = narrowTo(read.query, only);
      if (!query) return answer(c, { status: 200, body: { jobs: [], next_cursor: null } });
      const { states, nextBelowId } = await jobs.list.page(tenantId, query);
      const summaries = states.flatMap((state) => currentSummaryOf(state, jobs.catalogue) ?? []);
      const nextCursor = nextBelowId === undefined ? null : cursorOf(nextBelowId);
      return answer(c, { status: 200, body: { jobs: summaries, next_cursor: nextCursor } });
    },
});
