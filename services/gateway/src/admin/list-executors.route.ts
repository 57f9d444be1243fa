import { ExecutorHeartbeat } from '@errand/contracts';
import { z } from 'zod';
import { defineRoute } from '../http/define-route.ts';
import { refuseUnknownParameters } from '../http/read-query.ts';
import { answer } from '../http/respond.ts';
import { json } from '../openapi/operation.ts';
import type { AdminGroup } from './admin-group.ts';

const ExecutorsAnswer = z.object({ executors: z.array(ExecutorHeartbeat) });

/** Those that live, by their own word of a few seconds ago, sorted by id. */
export const listExecutors = defineRoute({
  method: 'get',
  path: '/admin/executors',
  key: 'admin',
  id: 'listExecutors',
  tag: 'Administration',
  summary: 'Executors',
  description:
    'Those that live, with the contracts that they serve, their slots and what runs, by their own word.',
  answers: { 200: json('All of them.', ExecutorsAnswer) },
  problems: ['invalid_input'],
  handle:
    ({ admin: { executors } }: AdminGroup) =>
    (c) => {
      refuseUnknownParameters(c, []);
      const alive = executors.list().toSorted((a, b) => (a.executor_id < b.executor_id ? -1 : 1));
      return answer(c, { status: 200, body: { executors: alive } });
    },
});
