import {
  ActionName,
  Instant,
  JobId,
  JobSummary,
  SUMMARY_RETENTION_DAYS,
  WEBHOOK_EVENT_TYPES,
} from '@errand/contracts';
import { z } from 'zod';
import type { ActionCatalogue } from '../actions/action-catalogue.ts';
import { defineRoute } from '../http/define-route.ts';
import { endsOfWait } from '../http/request-log.ts';
import { answer, answerEventStream } from '../http/respond.ts';
import { linksOf } from '../jobs/job-summary.ts';
import { EVENT_STREAM } from '../openapi/job-answers.ts';
import { inQuery } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import { named, schemaOf } from '../openapi/schemas.ts';
import type { Ending } from './endings-rows.ts';
import type { Feed, FeedPage, FeedRead } from './feed.ts';
import type { FeedGroup } from './feed-group.ts';
import { feedCursorText, readFeedQuery } from './feed-query.ts';
import { feedStream } from './feed-stream.ts';

const RETENTION_MS = SUMMARY_RETENTION_DAYS * 86_400_000;
/** Whoever begins at the oldest ending gets that far before its cursor expires. */
const HEAD_START_MS = 600_000;

const EndingView = named(
  'JobEnding',
  z.object({
    type: z.enum(WEBHOOK_EVENT_TYPES),
    version: z.int(),
    job_id: JobId,
    action: ActionName,
    resource: z.record(z.string(), z.string()),
    status: z.enum(['succeeded', 'failed', 'canceled', 'expired']),
    metadata: z.record(z.string(), z.string()),
    finished_at: Instant,
    links: JobSummary.shape.links,
  }),
);

/**
 * Every ending of the tenant's jobs, in the order of the log, each once. As pages, the next of which is waited for if
 * wanted, or, for a caller that accepts text/event-stream, as a stream without end.
 */
export const readFeed = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/events',
  key: 'tenant',
  scope: 'feed:read',
  id: 'readFeed',
  tag: 'Feed',
  summary: 'Endings of all jobs',
  description:
    'Each once, in the order of the log. Send `next` as `after` to go on. With `Accept: text/event-stream` a stream without end.',
  parameters: [
    parameters.tenantId,
    inQuery('after', 'A cursor, or `latest`. Without it: from the oldest ending that is kept.', {
      type: 'string',
      pattern: '^[A-Za-z0-9_-]{4,48}$',
    }),
    parameters.listOf('types', 'Any of these.', { enum: EndingView.shape.type.options }),
    parameters.wait,
    parameters.limit(1_000, 100),
    parameters.lastEventId,
  ],
  answers: {
    200: {
      description: 'A page, or a stream whose ids are cursors.',
      content: {
        'application/json': {
          schema: schemaOf(z.object({ events: z.array(EndingView), next: z.string() })),
        },
        ...EVENT_STREAM,
      },
    },
  },
  problems: ['invalid_input', 'cursor_expired', 'database_unavailable'],
  handle: ({ feed }: FeedGroup) => {
    const { source, catalogue, heartbeatMs } = feed;
    return async (c, { tenantId }) => {
      // A summary is dropped 7 days after its job was requested, so an ending is kept for 7 days less the job's life.
      const keptSinceMs = feed.now() - RETENTION_MS + feed.maxLifeMs;
      const query = readFeedQuery(new URL(c.req.url).searchParams, {
        lastEventId: c.req.header('last-event-id'),
        keptSinceMs,
      });
      const beginning = { version: 0, atMs: keptSinceMs + HEAD_START_MS };
      const after = query.after === 'latest' ? await source.latest() : (query.after ?? beginning);
      const wanted: FeedRead = { tenantId, after, types: query.types, limit: query.limit };
      const viewOf = (ending: Ending) => endingView(tenantId, ending, catalogue);
      const isStream =
        c.req.method !== 'HEAD' && /\btext\/event-stream\b/i.test(c.req.header('accept') ?? '');
      if (!isStream) {
        const waitMs = c.req.method === 'HEAD' ? 0 : query.waitS * 1_000;
        const { endings, next } = await readPatiently(source, { wanted, waitMs, signals: endsOfWait(c) });
        return answer(c, { status: 200, body: { events: endings.map(viewOf), next: feedCursorText(next) } });
      }
      const changes = source.follow(tenantId, endsOfWait(c));
      try {
        const first = await source.read(wanted);
        return answerEventStream(
          c,
          feedStream({ feed: source, changes, wanted, first, heartbeatMs, viewOf }),
        );
      } catch (error) {
        changes[Symbol.dispose]();
        throw error;
      }
    };
  },
});

/** The next page that has any endings, or an empty one when the time is over. */
async function readPatiently(
  feed: Feed,
  { wanted, waitMs, signals }: { wanted: FeedRead; waitMs: number; signals: readonly AbortSignal[] },
): Promise<FeedPage> {
  if (waitMs === 0) return feed.read(wanted);
  const untilMs = performance.now() + waitMs;
  using changes = feed.follow(wanted.tenantId, signals);
  let page = await feed.read(wanted);
  while (page.endings.length === 0) {
    if ((await changes.next(untilMs)) === 'over') break;
    page = await feed.read({ ...wanted, after: page.next });
  }
  return page;
}

function endingView(tenantId: string, ending: Ending, catalogue: ActionCatalogue) {
  const { jobId, action, version, status, finishedAt, resource, metadata } = ending;
  return {
    type: `job.${status}`,
    version,
    job_id: jobId,
    action,
    resource,
    status,
    metadata,
    finished_at: finishedAt.toISOString(),
    links: linksOf({ tenantId, jobId, action, resource }, catalogue),
  };
}
