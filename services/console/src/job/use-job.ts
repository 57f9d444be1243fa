import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useRef, useState } from 'react';
import type { EventView, Job } from '../api/answers.ts';
import { EVENT_TYPES, isEnding } from '../api/event-types.ts';
import { pathTo, request } from '../api/request.ts';
import { type Liveness, type StreamedEvent, useStream } from '../api/stream.ts';
import { useRights } from '../parts/rights.tsx';

const SUMMARY_EVERY_MS = 300;
/** A customer's page of a job that has ended learns that its session is over by asking: no stream of it would tell. */
const SESSION_LOOK_MS = 10_000;
const ENDINGS = ['succeeded', 'failed', 'canceled', 'expired'];

export interface LiveJob {
  readonly job: Job | undefined;
  readonly error: unknown;
  readonly events: readonly EventView[];
  /** The events as they were sent, by version. */
  readonly texts: ReadonlyMap<number, string>;
  readonly liveness: Liveness;
}

/** A job and its events, as they come; of another job by another component. The summary's version never goes back. */
export function useJob(tenant: string, jobId: string): LiveJob {
  const queries = useQueryClient();
  const path = pathTo`/v2/tenants/${tenant}/jobs/${jobId}`;
  const queryKey = ['job', tenant, jobId];
  const { isCustomer } = useRights();
  const query = useQuery({
    queryKey,
    queryFn: async () => {
      const read = await request<Job>(path);
      const held = queries.getQueryData<Job>(queryKey);
      return held && held.version > read.version ? held : read;
    },
    refetchInterval: isCustomer && SESSION_LOOK_MS,
  });
  const known = useRef(new Map<number, string>());
  const [events, setEvents] = useState<readonly EventView[]>([]);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      timer.current = undefined;
    },
    [],
  );

  const readSoon = useCallback(() => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      void queries.invalidateQueries({ queryKey: ['job', tenant, jobId] });
    }, SUMMARY_EVERY_MS);
  }, [queries, tenant, jobId]);

  const onEvents = (streamed: readonly StreamedEvent[]) => {
    const fresh: EventView[] = [];
    for (const { id, data } of streamed) {
      if (known.current.has(Number(id))) continue;
      known.current.set(Number(id), data);
      fresh.push(JSON.parse(data) as EventView);
    }
    if (fresh.length === 0) return;
    setEvents((held) => inOrder(held, fresh));
    readSoon();
  };
  const liveness = useStream({
    url: `${path}/events`,
    types: EVENT_TYPES,
    onEvents,
    onPoll: readSoon,
    isLast: ({ type }) => isEnding(type),
  });
  return { job: query.data, error: query.error, events, texts: known.current, liveness };
}

function inOrder(held: readonly EventView[], fresh: readonly EventView[]): EventView[] {
  const isLater = held.length === 0 || (fresh[0]?.version ?? 0) > (held.at(-1)?.version ?? 0);
  return isLater ? [...held, ...fresh] : [...held, ...fresh].toSorted((a, b) => a.version - b.version);
}

export function hasEnded(job: Job): boolean {
  return ENDINGS.includes(job.status);
}
