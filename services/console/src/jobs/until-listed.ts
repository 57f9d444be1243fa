import type { JobPage } from '../api/answers.ts';
import { pathTo, queryOf, request } from '../api/request.ts';

const LOOKS = 20;
const EVERY_MS = 250;

/** Waits until lists have a job, for some seconds at most: it may be gone. */
export async function untilListed(tenant: string, jobId: string | undefined): Promise<void> {
  const path = pathTo`/v2/tenants/${tenant}/jobs` + queryOf({ q: jobId, limit: 1 });
  for (let look = 0; look < LOOKS; look++) {
    const page = await request<JobPage>(path).catch(() => undefined);
    if (page && page.jobs.length > 0) return;
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}
