import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run } from '../../test/command.ts';
import { startTestGateway } from '../../test/gateway.ts';

const EVIL = ['$(touch ran)', '`touch ran`', 'a;b', 'a\nprint', 'A', '../x', '', 'a'.repeat(65)];
const ACTIONS = {
  'GET /v2/tenants/t/actions': {
    body: {
      actions: [
        ...EVIL.map((name) => ({ name, resource: 'x/{y}' })),
        { name: 'paint', resource: 'rooms/{room_id}/walls/{wall}/$(touch ran)' },
        { name: 'print', resource: '' },
      ],
    },
  },
};

test('completions from a server are only those that can be names of actions or parameters', async () => {
  await using gateway = await startTestGateway(ACTIONS);
  const at = async (...words: string[]) => (await run(['complete', '--', ...words], gateway.env)).out;
  expect(await at('run', '')).toBe('paint\nprint\n');
  expect(await at('run', 'pa')).toBe('paint\n');
  expect(await at('jobs', '--action', 'paint,pr')).toBe('paint,print\n');
  expect(await at('run', 'paint', '--resource', '')).toBe('room_id=\nwall=\n');
  expect(await at('run', 'paint', '--resource', 'w')).toBe('wall=\n');
  expect(await at('run', 'other', '--resource', '')).toBe('');
});

test('profiles are those that are kept, except names that a shell might take for more', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'errand-completion-'));
  try {
    const env = { XDG_CONFIG_HOME: dir };
    for (const name of ['work', 'play', '$(touch ran)']) {
      await run(['config', 'set', 'tenant', 't', '--profile', name], env);
    }
    expect((await run(['complete', '--', 'config', 'use', ''], env)).out).toBe('work\nplay\n');
    expect((await run(['complete', '--', 'jobs', '--profile', 'w'], env)).out).toBe('work\n');
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('choices of a list continue after a comma', async () => {
  const at = async (...words: string[]) => (await run(['complete', '--', ...words])).out;
  expect(await at('jobs', '--status', 'su')).toBe('succeeded\n');
  expect(await at('jobs', '--status', 'queued,su')).toBe('queued,succeeded\n');
  expect(await at('webhooks', 'deliveries', '--status', 'ex')).toBe('expired\n');
});

test('without settings, nothing is completed and nothing printed', async () => {
  expect(await run(['complete', '--', 'run', ''])).toEqual({ code: 0, out: '', said: '' });
});
