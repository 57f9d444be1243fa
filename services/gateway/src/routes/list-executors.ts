import { ExecutorHeartbeat } from '@errand/contracts';
import { z } from 'zod';
import { answer } from '../answer.ts';
import type { Handler } from '../middleware/authenticate.ts';
import { refuseUnknownParameters } from '../query-reader.ts';

export const ExecutorsAnswer = z.object({ executors: z.array(ExecutorHeartbeat) });

/** GET /admin/executors: those that live, by their own word of a few seconds ago, sorted by id. */
export function listExecutors({ executors }: { executors: () => Iterable<ExecutorHeartbeat> }): Handler {
  return (c) => {
    refuseUnknownParameters(c, []);
    const alive = [...executors()].toSorted((a, b) => (a.executor_id < b.executor_id ? -1 : 1));
    return answer(c, { status: 200, body: { executors: alive } });
  };
}
