import { QueryClient } from '@tanstack/react-query';
import { ApiError } from '../api/request.ts';

/* What the console and the portal begin with. */

const ASK_EVERY_MS = 2_000;

/** Schemas that come with the domain must not try whether text may become code: the page's policy forbids it. */
export function withoutEval(): void {
  Object.assign(globalThis, { __zod_globalConfig: { jitless: true } });
}

export function createQueries(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        // A refusal stays one; what did not arrive is asked for again.
        retry: (failures, error) =>
          failures < 3 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
        refetchOnWindowFocus: true,
        staleTime: 1_000,
      },
    },
  });
}

/**
 * A part that cannot be loaded is one of a gateway that is away, or of one that was replaced: the page begins anew once
 * it is served. `path`: the page's.
 */
export function reloadWhenReplaced(path: string): void {
  const isServed = () =>
    fetch(path).then(
      ({ ok }) => ok,
      () => false,
    );
  window.addEventListener('vite:preloadError', async () => {
    while (!(await isServed())) await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
    location.reload();
  });
}
