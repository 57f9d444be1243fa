import { z } from 'zod';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { answer } from '../http/respond.ts';
import { inPath, json } from '../openapi/operation.ts';
import type { AdminGroup } from './admin-group.ts';

/**
 * 202 once the event is on its way to its consumer again. One that still cannot be read comes back as another dead
 * letter.
 */
export const redriveDeadLetter = defineRoute({
  method: 'post',
  path: '/admin/dead-letters/{id}/redrive',
  key: 'admin',
  id: 'redriveDeadLetter',
  tag: 'Administration',
  summary: 'Send a dead letter to its consumer again',
  description: 'One that still cannot be read comes back as another dead letter.',
  parameters: [inPath('id', 'Of the dead letter.', z.int().min(1).max(999_999_999_999_999))],
  answers: { 202: json('It is on its way.', z.object({ id: z.int() })) },
  problems: ['unknown_dead_letter', 'log_unavailable'],
  handle:
    ({ admin: { bus } }: AdminGroup) =>
    async (c) => {
      const sent = c.req.param('id') ?? '';
      const id = /^[1-9]\d{0,14}$/.test(sent) ? Number(sent) : undefined;
      if (id === undefined || !(await bus.deadLetters.redrive(id))) throw new Refusal('unknown_dead_letter');
      return answer(c, { status: 202, body: { id } });
    },
});
