import type { Schedule, SchedulePreview } from '@errand/client';
import { expect, test } from 'vitest';
import { run } from '../../../test/command.ts';
import { startTestGateway } from '../../../test/gateway.ts';

const ID = `sch_${'a'.repeat(32)}`;
const PATH = '/v2/tenants/t/schedules';
const SCHEDULE: Schedule = {
  schedule_id: ID,
  external_id: 'nightly',
  description: '',
  action: 'render',
  resource: { design_id: 'd-1' },
  input: { tilt: 1 },
  job: {},
  cron: '30 6 * * 1-5',
  time_zone: 'Europe/Berlin',
  every_s: null,
  starts_at: null,
  ends_at: null,
  overlap: 'queue',
  catch_up: 'last',
  spread_s: 0,
  paused: false,
  next_at: '1970-01-02T00:00:00.000Z',
  last_tick: {
    at: '1970-01-01T00:00:00.000Z',
    outcome: 'refused',
    job_id: null,
    code: 'invalid_input',
    detail: '#/input/tilt must be <= 0',
  },
  last_job_id: null,
  counts: { requested: 0, skipped: 0, missed: 0, refused: 1 },
  created_by: 'ci',
  created_at: '1970-01-01T00:00:00.000Z',
  updated_at: '1970-01-01T00:00:00.000Z',
  links: { schedule: '', preview: '', run: '' },
};
const PREVIEW: SchedulePreview = {
  ticks: ['1970-01-02T00:00:00.000Z'],
  clock_changes: [
    { at: '1970-03-29T01:00:00.000Z', minutes_ahead_before: 60, minutes_ahead_after: 120, ticks: [] },
  ],
};

test('a schedule is made of what is given, and nothing else is sent', async () => {
  await using gateway = await startTestGateway({ [`POST ${PATH}`]: { status: 201, body: SCHEDULE } });
  const timing = [
    '--cron',
    '30 6 * * 1-5',
    '--time-zone',
    'Europe/Berlin',
    '--overlap',
    'skip',
    '--spread',
    '5m',
  ];
  const args = [
    'schedules',
    'create',
    'render',
    ...timing,
    '--resource',
    'design_id=d-1',
    '--input',
    '{"tilt":1}',
  ];
  const made = await run([...args, '--priority', '3', '--external-id', 'nightly'], gateway.env);
  expect([made.code, made.said]).toEqual([0, '']);
  expect(made.out).toContain('ticks      30 6 * * 1-5 (Europe/Berlin)\n');
  expect(made.out).toContain('why        #/input/tilt must be <= 0\n');
  expect(JSON.parse(gateway.bodies[0] ?? '')).toEqual({
    action: 'render',
    cron: '30 6 * * 1-5',
    time_zone: 'Europe/Berlin',
    overlap: 'skip',
    spread_s: 300,
    resource: { design_id: 'd-1' },
    input: { tilt: 1 },
    job: { priority: 3 },
    external_id: 'nightly',
  });
});

test('a check shows the next ticks and the clock changes', async () => {
  await using gateway = await startTestGateway({ [`POST ${PATH}`]: { body: PREVIEW } });
  const { code, out } = await run(
    ['schedules', 'create', 'render', '--every', '90s', '--check'],
    gateway.env,
  );
  expect(code).toBe(0);
  expect(out).toMatch(/^next ticks\n {2}19/);
  expect(out).toContain('+60 min to +120 min');
  expect(gateway.asked).toEqual([`POST ${PATH}?validate_only=true`]);
  const parts = await run(['schedules', 'create', 'render', '--every', '1500ms'], gateway.env);
  expect([parts.code, parts.said]).toEqual([2, expect.stringContaining('--every must be whole seconds')]);
});

test('schedules are listed, shown, changed, paused, resumed, run and removed', async () => {
  const paused = { ...SCHEDULE, paused: true };
  await using gateway = await startTestGateway({
    [`GET ${PATH}`]: { body: { schedules: [SCHEDULE], next_cursor: null } },
    [`GET ${PATH}/${ID}`]: { body: SCHEDULE },
    [`GET ${PATH}/${ID}/preview`]: { body: PREVIEW },
    [`PATCH ${PATH}/${ID}`]: { body: SCHEDULE },
    [`POST ${PATH}/${ID}/pause`]: { body: paused },
    [`POST ${PATH}/${ID}/resume`]: { body: SCHEDULE },
    [`POST ${PATH}/${ID}/run`]: { status: 202, body: { job_id: 'j-1' } },
    [`DELETE ${PATH}/${ID}`]: { status: 204 },
  });
  const said = async (...args: string[]) => (await run(['schedules', ...args], gateway.env)).out;
  expect(await said('list')).toMatch(/^SCHEDULE +NAME +ACTION +TICKS +NEXT +LAST\nsch_a+ +nightly +render/);
  expect(await said('show', ID)).toContain('counts     requested=0 skipped=0 missed=0 refused=1\n');
  expect(await said('preview', ID)).toContain('next ticks');
  expect(await said('change', ID, '--every', '1h')).toContain(ID);
  expect(await said('pause', ID)).toContain('next       paused\n');
  expect(await said('resume', ID)).not.toContain('paused');
  expect(await said('run', ID)).toBe('job j-1\n');
  expect(await said('delete', ID)).toBe(`${ID} is gone\n`);
  expect(JSON.parse((await run(['schedules', 'list', '--json'], gateway.env)).out)).toEqual({
    schedules: [SCHEDULE],
  });
});
