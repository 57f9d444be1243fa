import { defineRoute } from '../http/define-route.ts';
import { answer } from '../http/respond.ts';
import { KeyUsageView } from '../load/key-usage.ts';
import { json } from '../openapi/operation.ts';
import type { AdminGroup } from './admin-group.ts';

/** What the keys that cost this gateway most have cost it in the last one to two minutes. */
export const getKeyUsage = defineRoute({
  method: 'get',
  path: '/admin/usage',
  key: 'admin',
  id: 'getKeyUsage',
  tag: 'Administration',
  summary: 'What keys cost',
  description:
    'The ten keys that cost this gateway most in the last one to two minutes, by time, bytes, requests or connections, and all others together.',
  answers: { 200: json('By key.', KeyUsageView) },
  handle:
    ({ admin: { keyRequests } }: AdminGroup) =>
    (c) =>
      answer(c, { status: 200, body: keyRequests.report() }),
});
