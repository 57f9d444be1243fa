import { expect, test } from 'vitest';
import { run } from '../../../test/command.ts';
import { startTestGateway } from '../../../test/gateway.ts';
import { local } from '../../output/times.ts';

const PATH = '/v2/tenants/t/portal-sessions';
const SESSION = {
  session_id: 't.1',
  key_id: 'k',
  scopes: ['jobs:read', 'jobs:cancel'],
  metadata_filter: { customer: 'c-1' },
  frame_ancestors: [],
  theme: 'system',
  created_at: '2026-11-30T00:00:00.000Z',
  expires_at: '2026-11-30T01:00:00.000Z',
};
const MADE = { ...SESSION, path: '/portal/t.1#code=c', code_expires_at: '2026-11-30T00:10:00.000Z' };

test('a session is a link, and a line of the list until it is revoked', async () => {
  await using gateway = await startTestGateway({
    [`POST ${PATH}`]: { status: 201, body: MADE },
    [`GET ${PATH}`]: { body: { portal_sessions: [SESSION] } },
    [`DELETE ${PATH}/t.1`]: { status: 204, body: undefined },
  });
  const words = ['portal', 'create', '--scopes', 'jobs:read,jobs:cancel', '--metadata', 'customer=c-1'];
  const made = await run([...words, '--ttl', '1h'], gateway.env);
  expect(made.out).toBe(
    `${gateway.url}${MADE.path}\nopens once, until ${local(MADE.code_expires_at)}; ends ${local(MADE.expires_at)}\n`,
  );
  const listed = await run(['portal', 'list'], gateway.env);
  expect(listed.out.split('\n')[1]?.split(/ {2,}/)).toEqual([
    't.1',
    'jobs:read,jobs:cancel',
    'customer=c-1',
    local(SESSION.expires_at),
  ]);
  expect((await run(['portal', 'revoke', 't.1'], gateway.env)).out).toBe('t.1 is over\n');
  expect(gateway.asked).toEqual([`POST ${PATH}`, `GET ${PATH}`, `DELETE ${PATH}/t.1`]);
});
