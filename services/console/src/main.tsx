import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { createRoot } from 'react-dom/client';
import { ApiError } from './api/request.ts';
import './look.css';
import { router } from './routes.tsx';

const ASK_EVERY_MS = 2_000;

// Schemas that come with the domain must not try whether text may become code: the page's policy forbids it.
Object.assign(globalThis, { __zod_globalConfig: { jitless: true } });

const queries = new QueryClient({
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

const root = document.getElementById('console');
if (root) {
  createRoot(root).render(
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
    </QueryClientProvider>,
  );
}

// A part that cannot be loaded is one of a gateway that is away, or of one that was replaced: the page begins anew.
window.addEventListener('vite:preloadError', () => void reloadOnceServed());

async function reloadOnceServed(): Promise<void> {
  const isServed = () =>
    fetch(import.meta.env.BASE_URL).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await isServed())) await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  location.reload();
}
