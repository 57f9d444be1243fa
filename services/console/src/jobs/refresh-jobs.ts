import type { InfiniteData, QueryClient } from '@tanstack/react-query';
import type { Job, JobPage } from '../api/answers.ts';
import { pathTo, request } from '../api/request.ts';

const EVERY_MS = 500;
const AT_ONCE = 6;

interface Wanted {
  readonly tenant: string;
  readonly queryKey: readonly unknown[];
  readonly ids: ReadonlySet<string>;
}

/** Jobs to be asked for, by list. */
const waiting = new Map<string, { tenant: string; queryKey: readonly unknown[]; ids: Set<string> }>();

/** Asks for jobs of a list anew, each at most twice a second, and shows the newer of what was and what is read. */
export function refreshJobs(queries: QueryClient, { tenant, queryKey, ids }: Wanted): void {
  if (ids.size === 0) return;
  const list = JSON.stringify(queryKey);
  const known = waiting.get(list);
  if (known) {
    for (const id of ids) known.ids.add(id);
    return;
  }
  waiting.set(list, { tenant, queryKey, ids: new Set(ids) });
  setTimeout(async () => {
    const due = waiting.get(list);
    waiting.delete(list);
    if (due) await readInTurn(queries, due);
  }, EVERY_MS);
}

async function readInTurn(queries: QueryClient, { tenant, queryKey, ids }: Wanted): Promise<void> {
  const left = [...ids];
  const reader = async () => {
    for (let id = left.pop(); id !== undefined; id = left.pop()) {
      const read = await request<Job>(pathTo`/v2/tenants/${tenant}/jobs/${id}`).catch(() => undefined);
      if (read) queries.setQueryData<InfiniteData<JobPage>>(queryKey, (data) => data && withJob(data, read));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, reader));
}

/** A job's version never goes back, whatever order answers come in. */
function withJob(data: InfiniteData<JobPage>, read: Job): InfiniteData<JobPage> {
  return {
    ...data,
    pages: data.pages.map((page) => ({
      ...page,
      jobs: page.jobs.map((job) => (job.job_id === read.job_id && read.version > job.version ? read : job)),
    })),
  };
}
