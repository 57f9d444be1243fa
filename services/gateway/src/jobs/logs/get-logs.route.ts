import { isEnded } from '@errand/domain';
import { z } from 'zod';
import { defineRoute } from '../../http/define-route.ts';
import { refuseUnknownParameters } from '../../http/read-query.ts';
import { type Ctx, endsOfWait } from '../../http/request-log.ts';
import { answer, answerEmpty, answerEventStream } from '../../http/respond.ts';
import { EVENT_STREAM } from '../../openapi/job-answers.ts';
import { inQuery } from '../../openapi/operation.ts';
import * as parameters from '../../openapi/parameters.ts';
import { schemaOf } from '../../openapi/schemas.ts';
import { findJob } from '../find-job.ts';
import { MAX_STREAM_PAGE, readJobQuery, readStreamPlace } from '../job-query.ts';
import { isEnding, type JobChanges } from '../job-watch.ts';
import type { JobsGroup } from '../jobs-group.ts';
import { LogEntryView, logEntryView } from './log-entry-view.ts';
import { logStream } from './log-stream.ts';

/**
 * What a job's attempts told: lines, if its action shows them to callers, and partial results. Page by page; or, for a
 * caller that accepts text/event-stream, all of it and all that follows until the job has ended.
 */
export const readJobLog = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/jobs/{job_id}/logs',
  key: 'tenant',
  scope: 'logs:read',
  id: 'readJobLog',
  tag: 'Jobs',
  summary: "A job's log",
  description:
    'Oldest first: lines, if the action shows them, partial results, and how many of both were dropped because they came too fast. With `Accept: text/event-stream` a stream of the same and of what follows, until the job has ended.',
  parameters: [
    parameters.tenantId,
    parameters.jobId,
    parameters.limit(MAX_STREAM_PAGE, MAX_STREAM_PAGE),
    parameters.lastEventId,
    inQuery('after', 'The id behind which to begin.', parameters.wholeNumber),
  ],
  answers: {
    200: {
      description: 'A page, or a stream whose ids are those of entries.',
      content: {
        'application/json': {
          schema: schemaOf(
            z.object({
              entries: z.array(LogEntryView),
              next_after: z.int().nullable().meta({ description: '`after` of the next page.' }),
            }),
          ),
        },
        ...EVENT_STREAM,
      },
    },
    204: { description: 'To a stream that has nothing more to tell: do not come again.' },
  },
  problems: ['unknown_job', 'job_expired', 'invalid_input'],
  handle:
    ({ jobs }: JobsGroup) =>
    async (c, { tenantId }) => {
      refuseUnknownParameters(c, ['after', 'limit']);
      const { jobId } = readJobQuery({ jobId: c.req.param('job_id') }, jobs.now());
      c.env.jobId = jobId;
      const { after, limit } = readStreamPlace(c, 'the id of an entry');
      const job = { tenantId, jobId };
      const { jobLogs } = jobs.bus;
      const hasEnded = async () => {
        const state = await findJob(jobs, { ...job, action: undefined, minVersion: 0 });
        return isEnded(state.phase.value.status);
      };
      if (c.req.method === 'HEAD' || !/\btext\/event-stream\b/i.test(c.req.header('accept') ?? '')) {
        const [{ entries, hasMore }] = await Promise.all([jobLogs.read(job, { after, limit }), hasEnded()]);
        const nextAfter = hasMore ? (entries.at(-1)?.id ?? null) : null;
        return answer(c, {
          status: 200,
          body: { entries: entries.map(logEntryView), next_after: nextAfter },
        });
      }
      if ((await hasEnded()) && (await jobLogs.read(job, { after, limit: 1 })).entries.length === 0) {
        return answerEmpty(c, 204);
      }
      const stream = logStream({
        changes: wakeFor(c, jobs, job),
        readPage: async (behind) => (await jobLogs.read(job, { after: behind, limit })).entries,
        hasEnded,
        after,
      });
      return answerEventStream(c, stream);
    },
});

/** Wakes at the job's end, for new entries, and now and then. */
function wakeFor(
  c: Ctx,
  { bus, watch, streamBeat }: JobsGroup['jobs'],
  job: { tenantId: string; jobId: string },
): JobChanges {
  const changes = watch.follow(job, { signals: endsOfWait(c), wakesOn: isEnding });
  const stops = [bus.jobLogs.onStored(job, () => changes.nudge()), streamBeat.onBeat(() => changes.nudge())];
  return {
    ...changes,
    [Symbol.dispose]() {
      for (const stop of stops) stop();
      changes[Symbol.dispose]();
    },
  };
}
