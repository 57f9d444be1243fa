import type { Ops } from '@errand/runtime';
import { problemOfStart } from '../http/problem.ts';

/** What every process answers from its start on. */
export const OPS_PATHS: readonly string[] = ['/healthz', '/readyz', '/metrics'];

/** What a gateway answers until it has its log: that it lives and is not ready, and callers that they may come again. */
export function createStartingAnswer(
  { routes }: Ops,
  paths: readonly string[],
): (request: Request) => Promise<Response> {
  return async (request) =>
    paths.includes(new URL(request.url).pathname) ? routes.fetch(request) : problemOfStart();
}
