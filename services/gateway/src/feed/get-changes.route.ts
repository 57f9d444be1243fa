import { ActionName, JobId } from '@errand/contracts';
import { z } from 'zod';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { refuseUnknownParameters } from '../http/read-query.ts';
import { type Ctx, endsOfWait } from '../http/request-log.ts';
import { answer, answerEventStream } from '../http/respond.ts';
import { EventView } from '../jobs/history/event-view.ts';
import { EVENT_STREAM } from '../openapi/job-answers.ts';
import { inQuery } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import { named, schemaOf } from '../openapi/schemas.ts';
import { changesStream, readChangesPage } from './changes-stream.ts';
import type { FeedGroup } from './feed-group.ts';

const ChangeView = named(
  'JobChange',
  z.object({
    id: z.int().meta({ description: 'Where to go on behind it.' }),
    job_id: JobId,
    action: ActionName,
    event: EventView,
  }),
);

/**
 * Every event of the tenant's jobs, as a page of what happened behind a place or, for a caller that accepts
 * text/event-stream, as it happens, without end.
 */
export const readChanges = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/changes',
  key: 'tenant',
  scope: 'feed:read',
  id: 'readChanges',
  tag: 'Feed',
  summary: 'What happens to all jobs, live',
  description:
    'Each once, in the order of the log, from now on or behind `after`; send `next` as `after` to go on. With `Accept: text/event-stream` a stream without end.',
  parameters: [
    parameters.tenantId,
    inQuery('after', 'The `id` of an event that was seen.', parameters.wholeNumber),
    parameters.lastEventId,
  ],
  answers: {
    200: {
      description: 'A page, or a stream.',
      content: {
        'application/json': { schema: schemaOf(z.object({ changes: z.array(ChangeView), next: z.int() })) },
        ...EVENT_STREAM,
      },
    },
  },
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
      if (c.req.method === 'HEAD' || !/\btext\/event-stream\b/i.test(c.req.header('accept') ?? '')) {
        const { changes, next } = await readChangesPage(feed.bus, wanted);
        return answer(c, { status: 200, body: { changes, next } });
      }
      return answerEventStream(c, changesStream(feed, wanted));
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
