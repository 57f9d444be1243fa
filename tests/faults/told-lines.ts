import type { Client } from './client.ts';
import type { Violation } from './promise-check.ts';

interface Entry {
  readonly type: string;
  readonly attempt: number;
  readonly number: number;
  readonly count?: number;
}

const READERS = 8;

/** Reads the logs of jobs: attempts one behind the other, the entries of each in their order, and what is missing counted. */
export async function checkLogs(
  client: Client,
  jobIds: readonly string[],
): Promise<{ entries: number; violations: Violation[] }> {
  const violations: Violation[] = [];
  const waiting = [...jobIds];
  let read = 0;
  const reader = async () => {
    for (let jobId = waiting.shift(); jobId; jobId = waiting.shift()) {
      const answer = await client.ask('GET', `/v2/tenants/${client.tenantId}/jobs/${jobId}/logs`);
      if (answer.kind === 'broken' || answer.status !== 200) {
        violations.push({ kind: 'no_log', jobId, detail: JSON.stringify(answer) });
        continue;
      }
      const { entries } = answer.body as { entries: Entry[] };
      read += entries.length;
      const wrong = firstWrong(entries);
      if (wrong) violations.push({ kind: 'wrong_log', jobId, detail: JSON.stringify(wrong) });
    }
  };
  await Promise.all(Array.from({ length: READERS }, reader));
  return { entries: read, violations };
}

function firstWrong(entries: readonly Entry[]): Entry | undefined {
  let attempt = 0;
  let seen = 0;
  return entries.find((entry) => {
    if (entry.attempt !== attempt) seen = 0;
    const isBehind = entry.attempt >= attempt;
    attempt = entry.attempt;
    seen += entry.type === 'dropped' ? (entry.count ?? 0) : 1;
    return !isBehind || entry.number !== seen;
  });
}
