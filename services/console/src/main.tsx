import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { createRoot } from 'react-dom/client';
import './look.css';
import { createQueries, reloadWhenReplaced, withoutEval } from './parts/start.ts';
import { router } from './routes.tsx';

withoutEval();
const root = document.getElementById('console');
if (root) {
  createRoot(root).render(
    <QueryClientProvider client={createQueries()}>
      <RouterProvider router={router} />
    </QueryClientProvider>,
  );
}
reloadWhenReplaced(import.meta.env.BASE_URL);
