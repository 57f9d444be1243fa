import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { refuseUnknownParameters } from '../http/read-query.ts';
import { type Ctx, endsOfWait } from '../http/request-log.ts';
import { EVENT_STREAM } from '../openapi/job-answers.ts';
import { inQuery } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import { changesStream } from './changes-stream.ts';
import type { FeedGroup } from './feed-group.ts';

/** Every event of the tenant's jobs as it happens, as a stream without end that can be taken up again. */
export const readChanges = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/changes',
  key: 'tenant',
  scope: 'feed:read',
  id: 'readChanges',
  tag: 'Feed',
  summary: 'What happens to all jobs, live',
  description:
    'Server-sent events, each once and in the order of the log: `{job_id, action, event}`, with `event` as in the events of a job. Begins now, or behind `after`.',
  parameters: [
    parameters.tenantId,
    inQuery('after', 'The `id` of an event that was seen.', parameters.wholeNumber),
    parameters.lastEventId,
  ],
  answers: { 200: { description: 'A stream.', content: EVENT_STREAM } },
  problems: ['invalid_input', 'cursor_expired'],
  handle:
    ({ feed }: FeedGroup) =>
    async (c, { tenantId }) => {
      refuseUnknownParameters(c, ['after']);
      const sent = readPlace(c);
      const { first, last } = await feed.bus.audit.range();
      // Behind what is gone, nobody knows what there was.
      if (sent !== undefined && (sent > last || sent < first - 1)) throw new Refusal('cursor_expired');
      const wanted = { tenantId, after: sent ?? last, signals: endsOfWait(c) };
      return new Response(c.req.method === 'HEAD' ? null : changesStream(feed, wanted), {
        headers: {
          'content-type': 'text/event-stream',
          'cache-control': 'no-store',
          // Tells nginx not to hold events back.
          'x-accel-buffering': 'no',
          'x-request-id': c.env.requestId,
        },
      });
    },
});

/** @throws Refusal invalid_input */
function readPlace(c: Ctx): number | undefined {
  const header = c.req.header('last-event-id');
  const sent = header ?? c.req.query('after');
  if (sent === undefined) return undefined;
  if (/^\d{1,15}$/.test(sent)) return Number(sent);
  const parameter = header === undefined ? 'after' : 'Last-Event-ID';
  throw new Refusal('invalid_input', {
    errors: [{ parameter, code: 'type', detail: 'must be the id of an event' }],
  });
}
