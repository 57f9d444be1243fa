import { expect, test } from 'vitest';
import { run } from '../../../test/command.ts';
import { startTestGateway } from '../../../test/gateway.ts';

const LETTER = {
  id: 7,
  consumer: 'projection',
  subject: 'errand.jobs.t',
  version: 12,
  reason: 'not JSON',
  body: 'x',
  parked_at: '2026-01-31T12:00:00Z',
};

test('dead letters are listed, with a hint to the next page', async () => {
  await using gateway = await startTestGateway({
    'GET /admin/dead-letters': { body: { dead_letters: [LETTER], next_after: 7 } },
  });
  const { out } = await run(['dead-letters'], gateway.env);
  expect(out).toMatch(
    /^ID +CONSUMER +VERSION .*\n7 +projection +12 .* not JSON\n\nnext page: .* --after 7\n$/,
  );
  expect(JSON.parse((await run(['dead-letters', 'list', '--json'], gateway.env)).out)).toEqual({
    dead_letters: [LETTER],
    next_after: 7,
  });
  await run(['dead-letters', '--after', '7', '--limit', '1'], gateway.env);
  expect(gateway.asked.at(-1)).toBe('GET /admin/dead-letters?limit=1&after=7');
});

test('a dead letter is sent to its service again, or does not exist', async () => {
  await using gateway = await startTestGateway({
    'POST /admin/dead-letters/7/redrive': { status: 202, body: { id: 7 } },
    'POST /admin/dead-letters/8/redrive': { status: 404, body: { code: 'unknown_dead_letter' } },
  });
  expect(await run(['dead-letters', 'redrive', '7'], gateway.env)).toMatchObject({
    code: 0,
    out: 'dead letter 7 was resent\n',
  });
  expect((await run(['dead-letters', 'redrive', '8'], gateway.env)).code).toBe(4);
});
