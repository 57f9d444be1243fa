import type { RecordedEvent } from '@errand/contracts';
import { answer, answerEmpty } from '../answer.ts';
import { type EventStreamOptions, eventStream, eventsAfter } from '../event-stream.ts';
import { eventView } from '../event-view.ts';
import { type FindJobDeps, findJob } from '../find-job.ts';
import type { Heartbeat } from '../heartbeat.ts';
import { readJobQuery } from '../job-query.ts';
import { isEnding, type JobWatch } from '../job-watch.ts';
import type { TenantHandler } from '../middleware/authenticate.ts';
import type { Ctx } from '../middleware/exchange.ts';
import { Refusal } from '../problem.ts';

export interface GetEventsDeps extends FindJobDeps {
  readonly watch: JobWatch;
  readonly heartbeat: Heartbeat;
}

/**
 * GET …/jobs/{job_id}/events: the newest event of each type that the log holds of a job, or, for a caller that accepts
 * text/event-stream, these and all that follow. A stream that has nothing more to tell is answered with 204, upon which
 * browsers do not come again.
 */
export function getEvents(deps: GetEventsDeps): TenantHandler {
  return async (c, { tenantId }) => {
    const { jobId } = readJobQuery({ jobId: c.req.param('job_id') }, deps.now());
    c.env.jobId = jobId;
    const after = readAfter(c);
    const job = { tenantId, jobId };
    let action: string | undefined;
    const read = async () => {
      const events = await readEvents(deps, { ...job, ...(action === undefined ? {} : { action }) });
      // With its action known the log finds the job faster.
      action = events[0]?.ref.action;
      return events;
    };
    if (c.req.method === 'HEAD' || !/\btext\/event-stream\b/i.test(c.req.header('accept') ?? '')) {
      const events = await read();
      const version = Math.max(...events.map((each) => each.version));
      return answer(c, {
        status: 200,
        body: { events: eventsAfter(events, after).map(eventView), version },
      });
    }
    const changes = deps.watch.follow(job, { signal: c.req.raw.signal });
    try {
      const first = await read();
      const isOver = first.some(({ event }) => isEnding(event)) && eventsAfter(first, after).length === 0;
      if (!isOver) return answerStream(c, deps, { changes, first, read, after });
      changes[Symbol.dispose]();
      return answerEmpty(c, 204);
    } catch (error) {
      changes[Symbol.dispose]();
      throw error;
    }
  };
}

function answerStream(c: Ctx, deps: GetEventsDeps, options: EventStreamOptions): Response {
  const { changes } = options;
  const stopBeating = deps.heartbeat.onBeat(() => changes.nudge());
  const owned = {
    ...changes,
    [Symbol.dispose]() {
      stopBeating();
      changes[Symbol.dispose]();
    },
  };
  return new Response(eventStream({ ...options, changes: owned }), {
    headers: {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      // Tells nginx not to hold events back.
      'x-accel-buffering': 'no',
      'x-request-id': c.env.requestId,
    },
  });
}

/** The version that the caller has seen: where a browser goes on, or where the caller says. */
function readAfter(c: Ctx): number {
  const header = c.req.header('last-event-id');
  const sent = header ?? c.req.query('after') ?? '0';
  if (/^\d{1,15}$/.test(sent)) return Number(sent);
  const parameter = header === undefined ? 'after' : 'Last-Event-ID';
  const detail = 'must be the version of an event';
  throw new Refusal('invalid_input', { errors: [{ parameter, code: 'type', detail }] });
}

/** @throws Refusal unknown_job, events_gone for a job of which the log holds nothing any more; LogUnavailable */
async function readEvents(
  deps: GetEventsDeps,
  job: { tenantId: string; jobId: string; action?: string },
): Promise<RecordedEvent[]> {
  const events = await deps.bus.readJob(job);
  if (events.length > 0) return events;
  await findJob(deps, { action: undefined, ...job, minVersion: 0 });
  throw new Refusal('events_gone');
}
