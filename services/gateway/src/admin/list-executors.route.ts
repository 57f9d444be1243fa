import { ExecutorHeartbeat } from '@errand/contracts';
import { z } from 'zod';
import type { Handler } from '../http/authenticate.ts';
import { refuseUnknownParameters } from '../http/read-query.ts';
import { answer } from '../http/respond.ts';

export const ExecutorsAnswer = z.object({ executors: z.array(ExecutorHeartbeat) });

/** GET /admin/executors: those that live, by their own word of a few seconds ago, sorted by id. */
export function listExecutors({ executors }: { executors: () => Iterable<ExecutorHeartbeat> }): Handler {
  return (c) => {
    refuseUnknownParameters(c, []);
    const alive = [...executors()].toSorted((a, b) => (a.executor_id < b.executor_id ? -1 : 1));
    return answer(c, { status: 200, body: { executors: alive } });
  };
}
