import { QueryClientProvider } from '@tanstack/react-query';
import { createRoot } from 'react-dom/client';
import { createQueries, reloadWhenReplaced, withoutEval } from '../parts/start.ts';
import '../look.css';
import { Portal } from './portal.tsx';

withoutEval();
const root = document.getElementById('console');
if (root) {
  createRoot(root).render(
    <QueryClientProvider client={createQueries()}>
      <Portal />
    </QueryClientProvider>,
  );
}
reloadWhenReplaced(location.pathname);
