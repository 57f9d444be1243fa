import type { Errand, ErrandOptions } from '@errand/client';
import { until, type World } from './contract-case.ts';
import type { SeenRequest } from './script.ts';

/* A client of the scripted server, and the requests that the server has seen from it. */

export const JOB = '019a5b1c-0000-7000-8000-000000000001';
export const FAST = { baseDelayMs: 5, maxDelayMs: 10 };

export interface Scripted {
  readonly errand: Errand;
  readonly seen: () => Promise<SeenRequest[]>;
}

/** `script` defines how the server behaves. Pauses between attempts are short. */
export function scripted(
  { sdk, targets }: World,
  script: string,
  options: Partial<ErrandOptions> = {},
): Scripted {
  const tenant = `${script}.${Math.random().toString(36).slice(2)}`;
  const url = targets.scriptedUrl;
  const errand = sdk.createErrand({
    url,
    tenant,
    apiKey: 'k',
    timeoutMs: 10_000,
    ...options,
    retry: { ...FAST, ...options.retry },
  });
  const seen = async () => (await (await fetch(`${url}/seen/${tenant}`)).json()) as SeenRequest[];
  return { errand, seen };
}

export const seenUntil = (seen: Scripted['seen'], isEnough: (requests: SeenRequest[]) => boolean) =>
  until(async () => isEnough(await seen()) || undefined);
