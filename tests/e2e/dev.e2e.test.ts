import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDevFolder, type DevSystem, startDevSystem } from './dev-system.ts';

/* An author at work: files are written while `npm run dev` runs. The tests build on each other, in order. */

let dev: DevSystem;
const save = async (name: string, text: string) => {
  const path = join(dev.folder, 'actions', name);
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, text);
};

beforeAll(async () => {
  dev = await startDevSystem(await createDevFolder(), {});
});
afterAll(() => dev?.[Symbol.asyncDispose]());

/** Answers with its version once the file named in its input exists. */
const slow = (version: number, resource: string) => `
import { access } from 'node:fs/promises';
import { defineAction, z } from '@errand/actions';
export const slow = defineAction({
  name: 'slow',
  resource: '${resource}',
  input: z.object({ gate: z.string() }),
  result: z.object({ version: z.number() }),
  async run({ input }): Promise<{ version: number }> {
    while (!(await access(input.gate).then(() => true, () => false))) await new Promise((next) => setTimeout(next, 20));
    return { version: ${version} };
  },
});
`;

test('saving a file in a folder that did not exist makes its action answer', async () => {
  await save('slow.ts', slow(1, 'olds/{old}'));
  await dev.says('loaded slow of actions/slow.ts');
  expect(await dev.run('olds/1/slow', { gate: dev.folder })).toMatchObject({
    status: 'succeeded',
    results: { version: 1 },
  });
});

test('a saved change has its route at once, and a running job ends with the code that it began with', async () => {
  const gate = join(dev.folder, 'gate');
  const { body: began } = await dev.call('olds/1/slow/run', { gate });
  await waitUntil(async () => (await dev.call(`jobs/${began.job_id}`)).body.status === 'running');
  await save('slow.ts', slow(2, 'news/{new}'));
  await dev.says('/news/{new}/slow/run');
  await waitUntil(async () => (await dev.call('olds/1/slow/run', { gate })).status === 404);
  expect(await dev.run('news/1/slow', { gate: dev.folder })).toMatchObject({ results: { version: 2 } });
  expect((await dev.call(`jobs/${began.job_id}`)).body.status).toBe('running');
  await writeFile(gate, '');
  const summary = await waitUntil(async () => {
    const { body } = await dev.call(`jobs/${began.job_id}`);
    return body.finished_at ? body : undefined;
  });
  expect(summary).toMatchObject({ status: 'succeeded', results: { version: 1 }, attempt: { number: 1 } });
});

/** Answers with a word unique to each job. */
const limited = (resource: string, limit: number) => `
import { randomUUID } from 'node:crypto';
import { defineAction, z } from '@errand/actions';
export const limited = defineAction({
  name: 'limited',
  resource: '${resource}/{id}',
  input: z.object({ n: z.number().max(${limit}) }),
  result: z.string(),
  run: () => randomUUID(),
});
`;

test('a call under the key of an earlier one continues its job, even if the action has changed or moved since', async () => {
  const client = dev.client();
  const options = { resource: { id: '1' }, idempotencyKey: 'limited' };
  await save('limited.ts', limited('olds', 100));
  await dev.says('loaded limited of actions/limited.ts');
  const first = await client.call('limited', { n: 50 }, options);
  for (const [resource, limit] of [
    ['olds', 10],
    ['news', 10],
    ['news', 100],
  ] as const) {
    await save('limited.ts', limited(resource, limit));
    await dev.says('loaded limited of actions/limited.ts');
    await waitUntil(async () => {
      const { body } = await dev.call('actions/limited');
      return body.resource === `${resource}/{id}` && JSON.stringify(body.input_schema).includes(`:${limit}}`);
    });
    expect(await client.call('limited', { n: 50 }, options)).toBe(first);
    expect(await dev.client().call('limited', { n: 50 }, options)).toBe(first);
  }
});

const threaded = (text: string) => `
import { defineAction, z } from '@errand/actions';
import { word } from './parts/word.ts';
export const threaded = defineAction({
  name: 'threaded',
  input: z.object({}),
  result: z.object({ word: z.string() }),
  thread: 'worker',
  run: () => ({ word }),
});
${text}`;

test('a broken file keeps its last good version, in new threads too, and is reported with its line', async () => {
  await save('parts/word.ts', "export const word: string = 'first';\n");
  await save('threaded.ts', threaded(''));
  await dev.says('loaded threaded of actions/threaded.ts');
  await save('parts/word.ts', "export const word: string = 'never';\n\nexport const = 1;\n");
  await dev.says('broken: actions/parts/word.ts:3: ');
  expect(await dev.run('threaded', {})).toMatchObject({ results: { word: 'first' } });
  await save('parts/word.ts', "export const word: string = 'second';\n");
  await dev.says('loaded threaded of actions/threaded.ts');
  expect(await dev.run('threaded', {})).toMatchObject({ results: { word: 'second' } });
});

test.each([
  ['what it throws', `\nthrow new Error('not today');`, 'broken: actions/threaded.ts:12: not today'],
  ['an import of nothing', `\nimport './nowhere.ts';`, 'broken: actions/threaded.ts: Cannot find module'],
  [
    'a wrong definition',
    `defineAction({ name: 'a', timeoutms: 1 } as never);`,
    'broken: actions/threaded.ts:11: action "a": ',
  ],
])('the report on a broken file has %s', async (_, text, words) => {
  await save('threaded.ts', threaded(text));
  await dev.says(words);
});

test('broken JavaScript is reported with its line, too', async () => {
  await save('plain.js', `export const a = 1;\nexport const b = ;\n`);
  await dev.says('broken: actions/plain.js:2: ');
});

test('an action that is not exported is reported, and so is its repair', async () => {
  const text = `import { defineAction, z } from '@errand/actions';
const kept = defineAction({ name: 'kept', input: z.object({}), result: z.object({}), run: () => ({}) });
`;
  // The files that are still broken.
  for (const name of ['plain.js', 'threaded.ts']) await rm(join(dev.folder, 'actions', name));
  await save('kept.ts', text);
  await dev.says('broken: actions/kept.ts: exports no action');
  await save('kept.ts', text.replace('const', 'export const'));
  await dev.says('all action files load again');
  await dev.says('loaded kept of actions/kept.ts');
});

test('two files may not define the same action', async () => {
  await save('twin.ts', slow(3, 'twins/{twin}'));
  await dev.says('twin.ts: action slow already exists in');
  expect((await dev.call('twins/1/slow/run', { gate: dev.folder })).status).toBe(404);
});

test('an action whose file is gone has no route', async () => {
  await rm(join(dev.folder, 'actions', 'twin.ts'));
  await rm(join(dev.folder, 'actions', 'slow.ts'));
  await dev.says('gone: slow');
  await waitUntil(async () => (await dev.call('news/1/slow/run', { gate: dev.folder })).status === 404);
});

const peeking = `
import { readFileSync } from 'node:fs';
import { defineAction, z } from '@errand/actions';
export const peek = defineAction({
  name: 'peek',
  input: z.object({}),
  result: z.object({ seen: z.string() }),
  run: () => ({ seen: JSON.stringify(process.env) + readFileSync('/proc/self/environ', 'utf8') }),
});
`;

test('an actions.yaml in a subfolder is named, since it is not read', async () => {
  await save('team/actions.yaml', 'actions:\n  lost:\n    command: { argv: [echo] }\n');
  await dev.says('not read: actions/team/actions.yaml looks like a definition');
});

test('neither an action nor a command finds a key of other services, not even in the process that it runs in', async () => {
  await save('peek.ts', peeking);
  const script = `cat /proc/self/environ /proc/$PPID/environ | tr '\\0' '\\n' | python3 -c 'import json,sys; print(json.dumps(sys.stdin.read()))'`;
  await save(
    'actions.yaml',
    `actions:\n  peek_outside:\n    command: { argv: [sh, -c, ${JSON.stringify(script)}] }\n`,
  );
  await dev.says('loaded peek_outside of actions/actions.yaml');
  const inside = await dev.run('peek', {});
  const outside = await dev.run('peek_outside', {});
  const seen = [String((inside.results as { seen: string }).seen), String(outside.results)];
  for (const text of seen) {
    expect(text).toContain('ERRAND_ACTIONS');
    expect(text).not.toMatch(/DATABASE_URL|ERRAND_ADMIN_KEY|ERRAND_SECRET_KEY/);
  }
});

test('actions.yaml is watched, and its mistakes are reported by line, column and path', async () => {
  const yaml = (words: string) => `actions:\n  say:\n    command: { argv: [echo, '${words}'] }\n`;
  await save('actions.yaml', yaml('"first"'));
  await dev.says('loaded say of actions/actions.yaml');
  expect(await dev.run('say', {})).toMatchObject({ results: 'first' });
  await save('actions.yaml', `${yaml('"second"')}    timeout: 5\n`);
  await dev.says('broken: actions/actions.yaml:4:5: actions.say.timeout: is not a known key here');
  expect(await dev.run('say', {})).toMatchObject({ results: 'first' });
  await save('actions.yaml', yaml('"third"'));
  await dev.says('loaded say of actions/actions.yaml');
  expect(await dev.run('say', {})).toMatchObject({ results: 'third' });
});
