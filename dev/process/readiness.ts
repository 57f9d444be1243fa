import { setTimeout as sleep } from 'node:timers/promises';
import { logTail } from '../data/log-tail.ts';
import { type Say, timeSince } from '../tell/progress.ts';

const POLL_MS = 50;
const PROBE_TIMEOUT_MS = 2_000;

export interface Probed {
  name: string;
  readyUrl: string;
  logFile: string;
}

/**
 * Resolves when each service's `/readyz` says so; prints a line for each.
 * @throws after `timeoutMs`, naming what is not ready, why, and the end of its log; or when the signal aborts.
 */
export async function untilReady(
  services: readonly Probed[],
  options: { timeoutMs: number; say: Say; signal: AbortSignal },
): Promise<void> {
  const startMs = performance.now();
  const waits = services.map(async (service) => {
    let reason = await whyNotReady(service.readyUrl);
    while (reason !== undefined) {
      if (performance.now() - startMs >= options.timeoutMs) return { service, reason };
      await sleep(POLL_MS, undefined, { signal: options.signal });
      reason = await whyNotReady(service.readyUrl);
    }
    options.say(`${service.name} … ready in ${timeSince(startMs)}`);
    return undefined;
  });
  const late = (await Promise.all(waits)).filter((wait) => wait !== undefined);
  if (late.length === 0) return;
  const parts = late.map(async ({ service, reason }) => {
    const tail = await logTail(service.logFile);
    return `  ${service.name}: ${reason}; the end of ${service.logFile}:\n${tail}`;
  });
  throw new Error(
    `not ready within ${options.timeoutMs / 1000} s:\n${(await Promise.all(parts)).join('\n')}`,
  );
}

/** Undefined for a service that is ready. */
async function whyNotReady(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    const body = await response.text();
    return response.ok ? undefined : `${url} answers ${response.status} ${body.slice(0, 200)}`;
  } catch {
    return `${url} does not answer`;
  }
}
