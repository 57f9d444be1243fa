import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startReceiver, waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { COMMAND, type CommandedSystem, runErrand, startCommandedSystem } from './errand-command.ts';

let commanded: CommandedSystem;
let caller: CommandedSystem['caller'];
let env: CommandedSystem['env'];
let dir: string;
let errand: CommandedSystem['errand'];
let json: CommandedSystem['json'];

beforeAll(async () => {
  commanded = await startCommandedSystem('told');
  ({ caller, env, dir, errand, json } = commanded);
});
afterAll(() => commanded?.[Symbol.asyncDispose]());

test('an endpoint is made, tried and changed, and its deliveries are listed and repeated', async () => {
  await using receiver = await startReceiver();
  await writeFile(join(dir, 'secret'), 'hush\n');
  const made = await json<{ endpoint_id: string; signing_secret: string }>(
    ...['webhooks', 'create', '--url', `${receiver.url}/hook`, '--secret-header', 'x-token=@secret'],
  );
  const id = made.endpoint_id;
  expect(await json('webhooks', 'test', id)).toMatchObject({ outcome: 'delivered', status: 200 });
  expect(receiver.requests[0]?.headers).toMatchObject({ 'x-token': 'hush' });

  expect((await errand('webhooks', 'list')).stdout).toContain(`${id}  active`);
  expect((await errand('webhooks', 'pause', id)).code).toBe(0);
  expect((await errand('webhooks', 'show', id)).stdout).toMatch(/\nstate +paused/);
  expect((await errand('webhooks', 'resume', id)).code).toBe(0);
  expect(
    await json('webhooks', 'update', id, '--max-rps', '7', '--body', '{"description":"d"}'),
  ).toMatchObject({
    max_rps: 7,
    description: 'd',
  });
  const rotated = await json<{ signing_secret: string }>('webhooks', 'rotate-secret', id, '--grace', '1h');
  expect(rotated.signing_secret).not.toBe(made.signing_secret);

  const delivery = await waitUntil(
    async () => {
      await caller.run();
      const { deliveries } = await json<{ deliveries: { delivery_id: string; job_id: string }[] }>(
        ...['webhooks', 'deliveries', id, '--status', 'delivered'],
      );
      return deliveries[0];
    },
    { timeoutMs: 60_000 },
  );
  expect((await errand('webhooks', 'deliveries', '--status', 'delivered')).stdout).toContain(
    delivery.delivery_id,
  );
  expect((await errand('webhooks', 'deliveries', id, '--of-job', delivery.job_id)).code).toBe(2);
  expect((await errand('webhooks', 'deliveries', '--of-job', delivery.job_id)).stdout).toContain(
    delivery.delivery_id,
  );
  expect((await errand('webhooks', 'attempts', delivery.delivery_id)).stdout).toMatch(
    /^ATTEMPT .*\n1 .* 200 /,
  );
  expect((await errand('webhooks', 'redeliver', delivery.delivery_id)).stdout).toContain('is due');
  const { replay_id } = await json('webhooks', 'replay', id, '--since', '1h', '--only', 'all', '--dry-run');
  expect((await errand('webhooks', 'replays', id)).stdout).toContain(replay_id as string);
  await waitUntil(
    async () => (await errand('webhooks', 'cancel-replay', id, replay_id as string)).code === 3,
  );

  expect((await errand('webhooks', 'delete', id)).stdout).toBe(`deleted ${id}\n`);
  expect((await errand('webhooks', 'show', id)).code).toBe(4);
  const refused = await errand('webhooks', 'create', '--url', 'ftp://x');
  expect([refused.code, refused.stderr]).toEqual([3, expect.stringContaining('#/url')]);
});

test('the secret of single runs is made and shown by its fingerprint', async () => {
  expect((await errand('signer', 'show')).code).toBe(4);
  const { signing_secret_fingerprint } = await json('signer', 'rotate');
  expect((await errand('signer', 'show')).stdout).toContain(signing_secret_fingerprint as string);
});

/** `errand listen`, once it listens. */
async function listen(
  ...args: string[]
): Promise<{ child: ChildProcess; url: string; lines: string[]; said: () => string }> {
  const child = spawn(process.execPath, [COMMAND, 'listen', ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  createInterface(child.stdout).on('line', (line) => lines.push(line));
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk;
  });
  const url = await waitUntil(() => /listening on (\S+?)[,;]/.exec(said)?.[1]);
  return { child, url, lines, said: () => said };
}

test('listen --register shows verified calls, refuses others, passes on, and leaves no endpoint behind', async () => {
  await using behind = await startReceiver();
  const { child, url, lines } = await listen('--register', '--json', '--forward-to', `${behind.url}/app`);
  const forged = await fetch(url, { method: 'POST', body: '{}', headers: { 'webhook-id': 'x' } });
  expect(forged.status).toBe(401);
  await waitUntil(
    async () => {
      await caller.run();
      return behind.requests.length > 0;
    },
    { timeoutMs: 60_000 },
  );
  await waitUntil(() => lines.length > 1);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    kind: 'refused',
    code: 'missing_header',
    answered: 401,
  });
  expect(JSON.parse(lines[1] ?? '')).toMatchObject({
    kind: 'verified',
    event: { type: 'job.succeeded' },
    answered: 200,
  });
  expect(await json('webhooks', 'list')).toMatchObject({ webhooks: [{ description: 'errand listen' }] });
  const gone = once(child, 'exit');
  child.kill('SIGINT');
  expect(await gone).toEqual([130, null]);
  expect(await json('webhooks', 'list')).toEqual({ webhooks: [] });
});

test('listen alone makes an endpoint, says how to try it, and prints a short line for each call', async () => {
  const { child, lines, said } = await listen();
  const [, id = ''] = await waitUntil(() => /to try it: errand webhooks test (\S+)\n/.exec(said()));
  expect((await errand('webhooks', 'test', id)).code).toBe(0);
  await waitUntil(
    async () => {
      await caller.run();
      return lines.length > 1;
    },
    { timeoutMs: 60_000 },
  );
  const time = String.raw`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`;
  expect(lines[0]).toMatch(new RegExp(`${time} {2}webhook.test {2}verified {2}answered 200$`));
  expect(lines[1]).toMatch(
    new RegExp(`${time} {2}job.succeeded {2}01[0-9a-f-]{34} {2}succeeded {2}verified {2}answered 200$`),
  );
  const gone = once(child, 'exit');
  child.kill('SIGINT');
  expect(await gone).toEqual([130, null]);
  expect(said()).toContain(`deleted endpoint ${id}`);
  expect(await json('webhooks', 'list')).toEqual({ webhooks: [] });
});

test('listen leaves no endpoint behind when its terminal is closed, nor when nobody reads it', async () => {
  const hungUp = await listen();
  expect(await json('webhooks', 'list')).toMatchObject({
    webhooks: [{ expires_at: expect.stringMatching(/Z$/) }],
  });
  const gone = once(hungUp.child, 'exit');
  hungUp.child.kill('SIGHUP');
  expect(await gone).toEqual([130, null]);
  expect(await json('webhooks', 'list')).toEqual({ webhooks: [] });

  const unread = await listen();
  const [, id = ''] = await waitUntil(() => /to try it: errand webhooks test (\S+)\n/.exec(unread.said()));
  unread.child.stdout?.destroy();
  const left = once(unread.child, 'exit');
  await errand('webhooks', 'test', id);
  expect(await left).toEqual([0, null]);
  expect(await json('webhooks', 'list')).toEqual({ webhooks: [] });
});

test('listen names what it lacks, and what a gateway has to allow', async () => {
  expect((await runErrand({ HOME: dir }, ['listen'], { cwd: dir })).code).toBe(2);
  const refused = await errand('listen', '--register', '--url', 'ftp://127.0.0.1/');
  expect([refused.code, refused.stderr]).toEqual([
    3,
    expect.stringContaining('ERRAND_WEBHOOKS_ALLOW_HTTP=true'),
  ]);
});
