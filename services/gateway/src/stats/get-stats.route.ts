import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { answer } from '../http/respond.ts';
import { inQuery, json } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import type { StatsGroup } from './stats-group.ts';
import { readStatsQuery } from './stats-query.ts';
import { JobStats, statsView } from './stats-view.ts';

/** How many of a tenant's jobs did what, how long they waited and ran, and how they failed. */
export const getStats = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/stats',
  key: 'tenant',
  scope: 'jobs:read',
  reads: 'limited',
  keyLimits: 'kept',
  id: 'getStats',
  tag: 'Jobs',
  summary: 'What the jobs did, by the minute or hour',
  description:
    'Each event counts in the minute of its own time. By the minute for up to 6 hours of the last 24, otherwise by the hour. They lag a moment behind, like the list.',
  parameters: [
    parameters.tenantId,
    inQuery(
      'from',
      'From this time on, at most 7 days ago. Default: an hour before `to`.',
      parameters.instant,
    ),
    inQuery('to', 'Before this time. Default: now.', parameters.instant),
    parameters.listOf('action', 'Any of these.', { pattern: '^[a-z][a-z0-9_]{0,63}$' }),
  ],
  answers: { 200: json('The statistics.', JobStats) },
  problems: ['invalid_input', 'database_unavailable', 'too_many_reads'],
  handle:
    ({ stats }: StatsGroup) =>
    async (c, { tenantId, only }) => {
      if (only.jobId !== undefined || only.metadata) {
        throw new Refusal('forbidden', { detail: 'The key is for some jobs only.' });
      }
      const query = readStatsQuery(new URL(c.req.url).searchParams, stats.now(), only);
      const stored = await stats.tables.read(tenantId, query);
      return answer(c, { status: 200, body: statsView(query, stored) });
    },
});
