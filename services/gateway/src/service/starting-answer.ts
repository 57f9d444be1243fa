import type { Ops } from '@errand/runtime';
import { problemOfStart } from '../http/problem.ts';

const OPS_PATHS = ['/healthz', '/readyz', '/metrics'];

/** What a gateway answers until it has its log: that it lives and is not ready, and callers that they may come again. */
export function createStartingAnswer({ routes }: Ops): (request: Request) => Promise<Response> {
  return async (request) =>
    OPS_PATHS.includes(new URL(request.url).pathname) ? routes.fetch(request) : problemOfStart();
}
