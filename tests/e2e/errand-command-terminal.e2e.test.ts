import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDevFolder, type DevSystem, startDevSystem } from './dev-system.ts';
import { hasTerminal, runErrand, runInTerminal } from './errand-command.ts';

/* The command in the folder of a local system, whose file has all the settings. */

const HALF_WAY = `
import { access } from 'node:fs/promises';
import { defineAction, z } from '@errand/actions';
export const halfWay = defineAction({
  name: 'half_way',
  input: z.object({ gate: z.string() }),
  result: z.object({ text: z.string() }),
  async run({ input, progress }) {
    progress(50, 'half of it');
    while (!(await access(input.gate).then(() => true, () => false))) await new Promise((next) => setTimeout(next, 20));
    return { text: 'done' };
  },
});
`;

let dev: DevSystem;
let home: { HOME: string };

beforeAll(async () => {
  const folder = await createDevFolder();
  home = { HOME: folder };
  await mkdir(join(folder, 'actions'));
  await writeFile(join(folder, 'actions', 'half-way.ts'), HALF_WAY);
  dev = await startDevSystem(folder, {});
  await dev.says('loaded half_way of');
});
afterAll(() => dev?.[Symbol.asyncDispose]());

// It needs python3 for a terminal, and is skipped if there is none.
const terminal = test.skipIf(!(await hasTerminal()));

const inputOf = (gate: string) => ['--input', JSON.stringify({ gate: join(dev.folder, gate) })];

terminal('a bar is drawn while the job runs, and at its end the job is told as text', async () => {
  const run = runInTerminal(home, ['run', 'half_way', ...inputOf('gate'), '--wait'], dev.folder);
  const line = /\r█{12}░{12} {2}50 % {2}running {2}half of it {2}attempt 1\/\d {2}\d+:\d\d/;
  await waitUntil(() => line.test(run.screen()), { timeoutMs: 30_000 });
  await writeFile(join(dev.folder, 'gate'), '');
  expect(await run.ended).toBe(0);
  expect(run.screen()).toMatch(/\r█{24} 100 % {2}succeeded/);
  expect(run.screen()).toMatch(/\nstatus +succeeded\r?\n/);
});

terminal('Ctrl-C stops the watching, not the job', async () => {
  const run = runInTerminal(home, ['run', 'half_way', ...inputOf('never'), '--wait'], dev.folder);
  await waitUntil(() => run.screen().includes('half of it'), { timeoutMs: 30_000 });
  run.press('\u0003');
  expect(await run.ended).toBe(130);
  const [, jobId = ''] = /the job continues: errand wait (\S+)/.exec(run.screen()) ?? [];
  const status = await runErrand(home, ['status', jobId], { cwd: dev.folder });
  expect(JSON.parse(status.stdout)).toMatchObject({ status: 'running', cancel_requested: false });
  expect((await runErrand(home, ['cancel', jobId], { cwd: dev.folder })).code).toBe(0);
});
