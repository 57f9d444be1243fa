import { waitUntil } from './wait-until.ts';

const MOST_MS = 1_800_000;

/**
 * Has a system compare everything with its log, and resolves with its report: a `VerifyReport`.
 * @throws Error if the system refuses or fails to
 */
export async function verifyLog(
  { url, adminKey }: { url: string; adminKey: string },
  wanted: { tenant_id?: string } = {},
): Promise<unknown> {
  const headers = { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' };
  const call = async (path: string, init: RequestInit = {}) => {
    const answer = await fetch(`${url}/admin/verifications${path}`, { ...init, headers });
    if (!answer.ok) throw new Error(await answer.text());
    return (await answer.json()) as {
      verification_id: string;
      state: string;
      error: unknown;
      report: unknown;
    };
  };
  const { verification_id: id } = await call('', { method: 'POST', body: JSON.stringify(wanted) });
  const ended = await waitUntil(
    async () => {
      const seen = await call(`/${id}`);
      return seen.state === 'running' ? undefined : seen;
    },
    { timeoutMs: MOST_MS },
  );
  if (ended.state !== 'done') throw new Error(`${ended.state}: ${ended.error}`);
  return ended.report;
}
