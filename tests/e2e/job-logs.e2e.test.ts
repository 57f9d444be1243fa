import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase, natsUrlOf, startTestNats, waitUntil } from '@errand/testkit';
import { expect, test } from 'vitest';
import { createCaller } from './caller.ts';
import { startExecutorCopy } from './scaled-executors.ts';
import { startSystem } from './system.ts';

/*
 * A command that talks all the time loses its executor by SIGKILL. What it told until then comes first and without a gap, then
 * what the next attempt tells, for who followed all the time and for who reads it afterwards; and nowhere its secret.
 */

const SECRET = 'a secret/that is+told';
const LINES = 200;
const resources = new AsyncDisposableStack();

const TALK = `
let text = '';
for await (const chunk of process.stdin) text += chunk;
const { attempt } = JSON.parse(text);
// The first attempt talks until nobody listens.
for (let n = 1; attempt === 1 || n <= ${LINES}; n++) {
  console.error(n % 10 === 0 ? JSON.stringify({ output: { n } }) : 'line ' + n + ' ' + process.env.TALK_TOKEN);
  await new Promise((resolve) => setTimeout(resolve, 5));
}
console.log('{}');
`;

interface Entry {
  readonly id: number;
  readonly type: string;
  readonly attempt: number;
  readonly number: number;
  readonly message?: string;
  readonly value?: { n: number };
}

test('what attempts tell is in order over a takeover, and has no secret', { timeout: 120_000 }, async () => {
  await using _ = resources;
  const folder = await mkdtemp(join(tmpdir(), 'errand-talk-'));
  resources.defer(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'talk.mjs'), TALK);
  await writeFile(
    join(folder, 'actions.yaml'),
    'actions:\n  talk:\n    logs: caller\n    command: { argv: [node, talk.mjs], env: [TALK_TOKEN] }\n',
  );
  const { url } = resources.use(await startTestNats());
  const { url: databaseUrl } = resources.use(await createTestDatabase());
  const system = resources.use(await startSystem({ natsUrl: url, databaseUrl }));
  const caller = resources.use(await createCaller(system, 'acme'));
  const startExecutor = () => {
    const child = startExecutorCopy({
      NATS_URL: natsUrlOf(url, 'executor'),
      ERRAND_PROVISION: 'false',
      ERRAND_ACTIONS: join(folder, 'actions.yaml'),
      // A busy machine stands still for longer than a second.
      ERRAND_LEASE_MS: '5000',
      ERRAND_LOG_LEVEL: 'error',
      TALK_TOKEN: SECRET,
    });
    resources.defer(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    });
    return child;
  };
  const first = startExecutor();
  const path = '/v2/tenants/acme';
  await waitUntil(async () => (await caller.call('GET', `${path}/actions/talk`)).status === 200, {
    timeoutMs: 30_000,
  });
  const accepted = await caller.call('POST', `${path}/talk/run`, {});
  const { job_id } = accepted.body as { job_id: string };
  const logs = `${path}/jobs/${job_id}/logs`;
  const read = async () => {
    const entries: Entry[] = [];
    for (let after: number | null = 0; after !== null; ) {
      const { body } = await caller.call('GET', `${logs}?after=${after}&limit=100`);
      const page = body as { entries: Entry[]; next_after: number | null };
      entries.push(...page.entries);
      after = page.next_after;
    }
    return entries;
  };
  const followed = follow(system.url + logs, caller.apiKey);
  await waitUntil(async () => (await read()).length > 50, { timeoutMs: 30_000 });
  first.kill('SIGKILL');
  startExecutor();
  const text = await followed;
  expect((await caller.call('GET', `${path}/jobs/${job_id}`)).body).toMatchObject({
    status: 'succeeded',
    attempt: { number: 2 },
  });

  const entries = await read();
  const [one, two] = [1, 2].map((attempt) => entries.filter((entry) => entry.attempt === attempt)) as [
    Entry[],
    Entry[],
  ];
  expect(entries).toEqual([...one, ...two]);
  expect(one.length).toBeGreaterThan(50);
  expect(two).toHaveLength(LINES);
  for (const told of [one, two]) {
    expect(told.map(({ number }) => number)).toEqual(told.map((_entry, index) => index + 1));
    for (const { type, number, message, value } of told) {
      if (type === 'output') expect(value).toEqual({ n: number });
      else expect(message).toBe(`line ${number} ***`);
    }
  }
  expect(text).not.toContain(SECRET);
  const data = [...text.matchAll(/^data: (.*)$/gm)].map(([, json = '']) => JSON.parse(json) as Entry);
  expect(data).toEqual(entries);
});

/** What a stream says until it ends. */
async function follow(url: string, token: string): Promise<string> {
  const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream' };
  return (await fetch(url, { headers })).text();
}
