import type { InputError } from '@errand/contracts';
import type { TenantHandler } from '../../http/authenticate.ts';
import type { Heartbeat } from '../../http/heartbeat.ts';
import { Refusal } from '../../http/problem.ts';
import { refuseUnknownParameters } from '../../http/read-query.ts';
import { type Ctx, endsOfWait } from '../../http/request-log.ts';
import { answer, answerEmpty } from '../../http/respond.ts';
import { readJobQuery } from '../job-query.ts';
import { isEnding, type JobWatch } from '../job-watch.ts';
import { type EventStreamOptions, eventStream } from './event-stream.ts';
import { eventView } from './event-view.ts';
import { type JobHistoryDeps, readHistoryPage, type WantedHistory } from './history.ts';

export interface GetEventsDeps extends JobHistoryDeps {
  readonly watch: JobWatch;
  readonly heartbeat: Heartbeat;
}

const MAX_LIMIT = 1_000;

/**
 * GET …/jobs/{job_id}/events: all that has happened to a job, oldest first, page by page; or, for a caller that accepts
 * text/event-stream, all that has happened and all that follows. A stream that has nothing more to tell is answered
 * with 204, upon which browsers do not come again.
 */
export function getEvents(deps: GetEventsDeps): TenantHandler {
  return async (c, { tenantId }) => {
    refuseUnknownParameters(c, ['after', 'limit']);
    const { jobId } = readJobQuery({ jobId: c.req.param('job_id'), mayHaveExpired: true }, deps.now());
    c.env.jobId = jobId;
    const { after, limit } = readPlace(c);
    const job: WantedHistory = { tenantId, jobId };
    if (c.req.method === 'HEAD' || !/\btext\/event-stream\b/i.test(c.req.header('accept') ?? '')) {
      const { events, hasMore, version } = await readHistoryPage(deps, job, { after, limit });
      const nextAfter = hasMore ? (events.at(-1)?.version ?? null) : null;
      return answer(c, {
        status: 200,
        body: { events: events.map(eventView), version, next_after: nextAfter },
      });
    }
    const changes = deps.watch.follow(job, { signals: endsOfWait(c) });
    try {
      const readPage = (behind: number) => readHistoryPage(deps, job, { after: behind, limit });
      const first = await readPage(after);
      const isOver = first.events.length === 0 && (await hasEnded(deps, job));
      const read = () => deps.bus.jobs.read(job);
      if (!isOver) return answerStream(c, deps, { changes, first, readPage, read, after });
      changes[Symbol.dispose]();
      return answerEmpty(c, 204);
    } catch (error) {
      changes[Symbol.dispose]();
      throw error;
    }
  };
}

/** Asked of a job behind whose last event a reader is. */
async function hasEnded(deps: GetEventsDeps, job: WantedHistory): Promise<boolean> {
  const newest = await deps.bus.jobs.read(job);
  // What JOBS has forgotten is long over.
  return newest.length === 0 || newest.some(({ event }) => isEnding(event));
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

/** The version that the caller has seen: where a browser goes on, or where the caller says; and the size of a page. */
function readPlace(c: Ctx): { after: number; limit: number } {
  const header = c.req.header('last-event-id');
  const sent = header ?? c.req.query('after') ?? '0';
  const limit = c.req.query('limit') ?? String(MAX_LIMIT);
  const errors: InputError[] = [];
  if (!/^\d{1,15}$/.test(sent)) {
    const parameter = header === undefined ? 'after' : 'Last-Event-ID';
    errors.push({ parameter, code: 'type', detail: 'must be the version of an event' });
  }
  if (!/^\d{1,4}$/.test(limit) || Number(limit) < 1 || Number(limit) > MAX_LIMIT) {
    const detail = `must be a whole number from 1 to ${MAX_LIMIT}`;
    errors.push({ parameter: 'limit', code: 'invalid_parameter', detail });
  }
  if (errors.length > 0) throw new Refusal('invalid_input', { errors });
  return { after: Number(sent), limit: Number(limit) };
}
