import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SMALL_DESIGN } from './caller.ts';
import { type CommandedSystem, hasTerminal, runInTerminal, startCommandedSystem } from './errand-command.ts';

const AT_DESIGN = ['performance_simulation', '--resource', 'design_id=e2e'];

let commanded: CommandedSystem;
let env: CommandedSystem['env'];
let dir: string;
let json: CommandedSystem['json'];

beforeAll(async () => {
  commanded = await startCommandedSystem('watched');
  ({ env, dir, json } = commanded);
  await writeFile(join(dir, 'small.json'), JSON.stringify(SMALL_DESIGN));
});
afterAll(() => commanded?.[Symbol.asyncDispose]());

// It needs python3 for a terminal, and is skipped where there is none.
const terminal = test.skipIf(!(await hasTerminal()));

terminal('in a terminal a bar is drawn while the job runs, and the job is told as text', async () => {
  const arrays = Array.from({ length: 500 }, (_, index) => ({
    ...{ dc_kw: 4, tilt_deg: index / 10, azimuth_deg: index / 2 },
  }));
  const input = join(dir, 'large.json');
  await writeFile(input, JSON.stringify({ ...SMALL_DESIGN, arrays, inverter: { ac_kw: 1_900 } }));
  const run = runInTerminal(env, ['run', ...AT_DESIGN, '--input', `@${input}`, '--wait']);
  expect(await run.ended).toBe(0);
  const drawn = run
    .screen()
    .split('\r')
    .filter((line) => line.includes('░'));
  expect(drawn.some((line) => / \d+ % {2}running {2}\w+ done {2}attempt 1\/5 {2}0:\d\d/.test(line))).toBe(
    true,
  );
  expect(run.screen()).toMatch(/█{24} 100 % {2}succeeded/);
  expect(run.screen()).toMatch(/\nstatus +succeeded\r?\n/);
});

terminal('Ctrl-C stops the watching, not the job', async () => {
  const args = ['run', ...AT_DESIGN, '--input', `@${join(dir, 'small.json')}`, '--start-after', '1h'];
  const { job_id: jobId } = await json<{ job_id: string }>(...args);
  const run = runInTerminal(env, ['wait', jobId]);
  await waitUntil(() => run.screen().includes('queued'));
  run.press('\u0003');
  expect(await run.ended).toBe(130);
  expect(run.screen()).toContain(`stopped watching; the job goes on: errand wait ${jobId}`);
  expect(await json('status', jobId)).toMatchObject({ status: 'queued', cancel_requested: false });
});
