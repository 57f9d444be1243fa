import type { DeadLetter } from '@errand/bus';
import { type InputError, Instant } from '@errand/contracts';
import { z } from 'zod';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import type { Ctx } from '../http/request-log.ts';
import { answer, answerEmpty } from '../http/respond.ts';
import { inPath, inQuery, json } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import { named } from '../openapi/schemas.ts';
import type { AdminGroup } from './admin-group.ts';

const MAX_LIMIT = 200;
const DEFAULT_LIMIT = 50;

const DeadLetterView = named(
  'DeadLetter',
  z.object({
    id: z.int(),
    consumer: z.string(),
    subject: z.string(),
    version: z.int(),
    reason: z.string(),
    body: z.string().meta({ description: 'As text; in a list cut after 4 KiB.' }),
    parked_at: Instant,
  }),
);

const idInPath = inPath('id', 'Of the dead letter.', z.int().min(1).max(999_999_999_999_999));

export const listDeadLetters = defineRoute({
  method: 'get',
  path: '/admin/dead-letters',
  key: 'admin',
  id: 'listDeadLetters',
  tag: 'Administration',
  summary: 'Dead letters',
  description: 'Events that a consumer could not read, oldest first.',
  parameters: [
    inQuery('after', 'The id behind which to begin.', parameters.wholeNumber),
    parameters.limit(MAX_LIMIT, DEFAULT_LIMIT),
  ],
  answers: {
    200: json('A page.', z.object({ dead_letters: z.array(DeadLetterView), next_after: z.int().nullable() })),
  },
  problems: ['invalid_input', 'log_unavailable'],
  handle:
    ({ admin: { bus } }: AdminGroup) =>
    async (c) => {
      const { after = '0', limit = String(DEFAULT_LIMIT) } = c.req.query();
      const errors: InputError[] = [];
      if (!/^\d{1,15}$/.test(after)) {
        errors.push({ parameter: 'after', code: 'type', detail: 'must be the id of a dead letter' });
      }
      if (!/^\d{1,3}$/.test(limit) || Number(limit) < 1 || Number(limit) > MAX_LIMIT) {
        const detail = `must be a whole number from 1 to ${MAX_LIMIT}`;
        errors.push({ parameter: 'limit', code: 'invalid_parameter', detail });
      }
      if (errors.length > 0) throw new Refusal('invalid_input', { errors });
      const found = await bus.deadLetters.list({ afterId: Number(after), limit: Number(limit) });
      const deadLetters = found.map(viewOf);
      const nextAfter = found.length === Number(limit) ? (found.at(-1)?.id ?? null) : null;
      return answer(c, { status: 200, body: { dead_letters: deadLetters, next_after: nextAfter } });
    },
});

export const getDeadLetter = defineRoute({
  method: 'get',
  path: '/admin/dead-letters/{id}',
  key: 'admin',
  id: 'getDeadLetter',
  tag: 'Administration',
  summary: 'A dead letter',
  description: 'With its whole body.',
  parameters: [idInPath],
  answers: { 200: json('The dead letter.', DeadLetterView) },
  problems: ['unknown_dead_letter', 'log_unavailable'],
  handle:
    ({ admin: { bus } }: AdminGroup) =>
    async (c) => {
      const letter = await bus.deadLetters.get(readId(c));
      if (!letter) throw new Refusal('unknown_dead_letter');
      return answer(c, { status: 200, body: viewOf(letter) });
    },
});

export const discardDeadLetter = defineRoute({
  method: 'delete',
  path: '/admin/dead-letters/{id}',
  key: 'admin',
  id: 'discardDeadLetter',
  tag: 'Administration',
  summary: 'Discard a dead letter',
  description: 'For good. The event itself stays in the log.',
  parameters: [idInPath],
  answers: { 204: { description: 'It is gone.' } },
  problems: ['unknown_dead_letter', 'log_unavailable'],
  handle:
    ({ admin: { bus } }: AdminGroup) =>
    async (c) => {
      if (!(await bus.deadLetters.discard(readId(c)))) throw new Refusal('unknown_dead_letter');
      return answerEmpty(c, 204);
    },
});

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
  parameters: [idInPath],
  answers: { 202: json('It is on its way.', z.object({ id: z.int() })) },
  problems: ['unknown_dead_letter', 'log_unavailable'],
  handle:
    ({ admin: { bus } }: AdminGroup) =>
    async (c) => {
      const id = readId(c);
      if (!(await bus.deadLetters.redrive(id))) throw new Refusal('unknown_dead_letter');
      return answer(c, { status: 202, body: { id } });
    },
});

/** @throws Refusal unknown_dead_letter */
function readId(c: Ctx): number {
  const sent = c.req.param('id') ?? '';
  if (!/^[1-9]\d{0,14}$/.test(sent)) throw new Refusal('unknown_dead_letter');
  return Number(sent);
}

function viewOf({ parkedAt, ...letter }: DeadLetter): z.infer<typeof DeadLetterView> {
  return { ...letter, parked_at: parkedAt };
}
