import type { Bus } from '@errand/bus';
import type { Handler } from '../http/authenticate.ts';
import { Refusal } from '../http/problem.ts';
import { answer } from '../http/respond.ts';

/**
 * POST /admin/dead-letters/{id}/redrive: 202 once the event is on its way to its consumer again. One that still cannot
 * be read comes back as another dead letter.
 */
export function redriveDeadLetter({
  bus,
}: {
  bus: { readonly deadLetters: Pick<Bus['deadLetters'], 'redrive'> };
}): Handler {
  return async (c) => {
    const sent = c.req.param('id') ?? '';
    const id = /^[1-9]\d{0,14}$/.test(sent) ? Number(sent) : undefined;
    if (id === undefined || !(await bus.deadLetters.redrive(id))) throw new Refusal('unknown_dead_letter');
    return answer(c, { status: 202, body: { id } });
  };
}
