import { z } from 'zod';
import { defineRoute } from '../../http/define-route.ts';
import { refuseUnknownParameters } from '../../http/read-query.ts';
import { type Ctx, endsOfWait } from '../../http/request-log.ts';
import { answer, answerEmpty, answerEventStream } from '../../http/respond.ts';
import { EVENT_STREAM } from '../../openapi/job-answers.ts';
import { inQuery } from '../../openapi/operation.ts';
import * as parameters from '../../openapi/parameters.ts';
import { schemaOf } from '../../openapi/schemas.ts';
import { MAX_STREAM_PAGE, readJobQuery, readStreamPlace } from '../job-query.ts';
import { isEnding } from '../job-watch.ts';
import type { JobsGroup } from '../jobs-group.ts';
import { type EventStreamOptions, eventStream } from './event-stream.ts';
import { EventView, eventView } from './event-view.ts';
import { readHistoryPage, type WantedHistory } from './history.ts';

/**
 * All that has happened to a job, oldest first, page by page; or, for a caller that accepts text/event-stream, all
 * that has happened and all that follows. A stream that has nothing more to tell is answered with 204, upon which
 * browsers do not come again.
 */
export const listJobEvents = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/jobs/{job_id}/events',
  key: 'tenant',
  scope: 'jobs:read',
  id: 'listJobEvents',
  tag: 'Jobs',
  summary: "A job's events",
  description:
    'Oldest first, inputs left out. With `Accept: text/event-stream` a stream of the same and of what follows.',
  parameters: [
    parameters.tenantId,
    parameters.jobId,
    parameters.limit(MAX_STREAM_PAGE, MAX_STREAM_PAGE),
    parameters.lastEventId,
    inQuery('after', 'The version behind which to begin.', parameters.wholeNumber),
  ],
  answers: {
    200: {
      description: 'A page, or a stream whose ids are versions.',
      content: {
        'application/json': {
          schema: schemaOf(
            z.object({
              events: z.array(EventView),
              version: z.int().meta({ description: 'The newest version that is known.' }),
              next_after: z.int().nullable().meta({ description: '`after` of the next page.' }),
            }),
          ),
        },
        ...EVENT_STREAM,
      },
    },
    204: { description: 'To a stream that has nothing more to tell: do not come again.' },
  },
  problems: ['unknown_job', 'events_gone', 'history_out_of_reach', 'invalid_input'],
  handle:
    ({ jobs }: JobsGroup) =>
    async (c, { tenantId }) => {
      refuseUnknownParameters(c, ['after', 'limit']);
      const { jobId } = readJobQuery({ jobId: c.req.param('job_id'), mayHaveExpired: true }, jobs.now());
      c.env.jobId = jobId;
      const { after, limit } = readStreamPlace(c, 'the version of an event');
      const job: WantedHistory = { tenantId, jobId };
      if (c.req.method === 'HEAD' || !/\btext\/event-stream\b/i.test(c.req.header('accept') ?? '')) {
        const { events, hasMore, version } = await readHistoryPage(jobs, job, { after, limit });
        const nextAfter = hasMore ? (events.at(-1)?.version ?? null) : null;
        return answer(c, {
          status: 200,
          body: { events: events.map(eventView), version, next_after: nextAfter },
        });
      }
      const changes = jobs.watch.follow(job, { signals: endsOfWait(c) });
      try {
        const readPage = (behind: number) => readHistoryPage(jobs, job, { after: behind, limit });
        const first = await readPage(after);
        const isOver = first.events.length === 0 && (await hasEnded(jobs, job));
        const read = () => jobs.bus.jobs.read(job);
        if (!isOver) return answerStream(c, jobs, { changes, first, readPage, read, after });
        changes[Symbol.dispose]();
        return answerEmpty(c, 204);
      } catch (error) {
        changes[Symbol.dispose]();
        throw error;
      }
    },
});

/** Asked of a job behind whose last event a reader is. */
async function hasEnded(jobs: JobsGroup['jobs'], job: WantedHistory): Promise<boolean> {
  const newest = await jobs.bus.jobs.read(job);
  // What JOBS has forgotten is long over.
  return newest.length === 0 || newest.some(({ event }) => isEnding(event));
}

function answerStream(c: Ctx, jobs: JobsGroup['jobs'], options: EventStreamOptions): Response {
  const { changes } = options;
  const stopBeating = jobs.streamBeat.onBeat(() => changes.nudge());
  const owned = {
    ...changes,
    [Symbol.dispose]() {
      stopBeating();
      changes[Symbol.dispose]();
    },
  };
  return answerEventStream(c, eventStream({ ...options, changes: owned }));
}
