import { z } from 'zod';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { answerEmpty } from '../http/respond.ts';
import { inPath } from '../openapi/operation.ts';
import type { AdminGroup } from './admin-group.ts';

const KEY_ID = /^[0-9a-f]{64}$/;

/** The key stops at once here and within a moment in every other gateway. */
export const deleteKey = defineRoute({
  method: 'delete',
  path: '/admin/keys/{key_id}',
  key: 'admin',
  id: 'deleteKey',
  tag: 'Administration',
  summary: 'Remove an API key',
  description: 'It stops at once here, and within a moment in every other gateway.',
  parameters: [inPath('key_id', "The key's id.", z.string().regex(/^[0-9a-f]{64}$/))],
  answers: { 204: { description: 'It is gone.' } },
  problems: ['unknown_key', 'log_unavailable'],
  handle:
    ({ admin: { keys } }: AdminGroup) =>
    async (c) => {
      const keyId = c.req.param('key_id') ?? '';
      const key = KEY_ID.test(keyId) ? (keys.peek(keyId) ?? (await keys.get(keyId))) : undefined;
      if (!key) throw new Refusal('unknown_key');
      c.env.tenantId = key.tenant_id;
      await keys.delete(keyId);
      return answerEmpty(c, 204);
    },
});
