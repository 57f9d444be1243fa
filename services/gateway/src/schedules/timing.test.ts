import { CronExpressionParser } from 'cron-parser';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { clockChangesAfter, cronErrors, type Timed, tickAfter, ticksAfter } from './timing.ts';

const timed = (timing: Partial<Timed>): Timed => ({
  cron: null,
  time_zone: 'UTC',
  every_s: null,
  starts_at: null,
  ends_at: null,
  created_at: '2026-01-01T00:00:00.250Z',
  ...timing,
});
const iso = (ms: number | undefined) => ms && new Date(ms).toISOString();
const ticks = (timing: Partial<Timed>, after: string, most = 4) =>
  ticksAfter(timed(timing), Date.parse(after), most).map(iso);
const BERLIN = { time_zone: 'Europe/Berlin' };

test('every so many seconds counts from the creation, in whole seconds', () => {
  expect(ticks({ every_s: 90 }, '2026-01-01T00:00:00.250Z', 2)).toEqual([
    '2026-01-01T00:01:30.000Z',
    '2026-01-01T00:03:00.000Z',
  ]);
  expect(ticks({ every_s: 90 }, '2026-01-01T00:03:00.000Z', 1)).toEqual(['2026-01-01T00:04:30.000Z']);
});

test('every so many seconds from a start counts from there, and the start ticks', () => {
  const timing = {
    every_s: 3_600,
    starts_at: '2026-02-01T06:00:00.000Z',
    ends_at: '2026-02-01T07:30:00.000Z',
  };
  expect(ticks(timing, '2026-01-01T00:00:00.000Z')).toEqual([
    '2026-02-01T06:00:00.000Z',
    '2026-02-01T07:00:00.000Z',
  ]);
});

test('an expression ticks between its start and its end, both included', () => {
  const timing = {
    cron: '0 * * * *',
    starts_at: '2026-02-01T06:00:00.000Z',
    ends_at: '2026-02-01T08:00:00.000Z',
  };
  expect(ticks(timing, '2026-01-01T00:00:00.000Z')).toEqual([
    '2026-02-01T06:00:00.000Z',
    '2026-02-01T07:00:00.000Z',
    '2026-02-01T08:00:00.000Z',
  ]);
});

test('a day that never comes has no tick', () => {
  expect(tickAfter(timed({ cron: '0 0 30 2 *' }), 0)).toBeUndefined();
});

test('a time that the clocks skip ticks when they have skipped it, one that comes twice ticks once', () => {
  expect(ticks({ cron: '30 2 * * *', ...BERLIN }, '2026-03-28T00:00:00Z', 3)).toEqual([
    '2026-03-28T01:30:00.000Z',
    '2026-03-29T01:00:00.000Z',
    '2026-03-30T00:30:00.000Z',
  ]);
  expect(ticks({ cron: '30 1-3 * * *', ...BERLIN }, '2026-10-25T00:00:00Z', 2)).toEqual([
    '2026-10-25T00:30:00.000Z',
    '2026-10-25T02:30:00.000Z',
  ]);
  expect(ticks({ cron: '30 * * * *', ...BERLIN }, '2026-10-25T00:00:00Z', 3)).toEqual([
    '2026-10-25T00:30:00.000Z',
    '2026-10-25T01:30:00.000Z',
    '2026-10-25T02:30:00.000Z',
  ]);
});

test('a preview tells the clock changes of the coming year, and what ticks on these days', () => {
  const at = Date.parse('2026-06-15T12:34:56.789Z');
  const changes = clockChangesAfter(timed({ cron: '30 2 * * *', ...BERLIN }), at, 10);
  expect(
    changes.map(({ atMs, ticks, ...rest }) => ({ at: iso(atMs), ticks: ticks.map(iso), ...rest })),
  ).toEqual([
    { at: '2026-10-25T01:00:00.000Z', fromMinutes: 120, toMinutes: 60, ticks: ['2026-10-25T00:30:00.000Z'] },
    { at: '2027-03-28T01:00:00.000Z', fromMinutes: 60, toMinutes: 120, ticks: ['2027-03-28T01:00:00.000Z'] },
  ]);
  expect(clockChangesAfter(timed({ cron: '0 0 * * *' }), at, 10)).toEqual([]);
  expect(clockChangesAfter(timed({ every_s: 60, ...BERLIN }), at, 10)).toEqual([]);
});

test.each([
  ['61 * * * *', 'UTC', '#/cron'],
  ['* * * *', 'UTC', '#/cron'],
  ['0 0 * * * *', 'UTC', '#/cron'],
  ['', 'UTC', '#/cron'],
  ['* * * * *', 'Mars/Olympus', '#/time_zone'],
])('%s in %s is refused', (cron, time_zone, pointer) => {
  expect(cronErrors({ cron, time_zone }).map((error) => error.pointer)).toEqual([pointer]);
});

/* Another library as the judge. On days of clock changes its rules are others: what the clocks skip it moves by as much. */

const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/St_Johns',
  'Australia/Lord_Howe',
  'Pacific/Auckland',
  'Atlantic/Azores',
  'Africa/Cairo',
  'Asia/Kolkata',
];
/** Most of them on one of the days around a change. */
const DAYS = [
  '2026-03-07',
  '2026-03-28',
  '2026-04-04',
  '2026-04-23',
  '2026-09-26',
  '2026-10-03',
  '2026-10-24',
  '2026-10-31',
];
const DAY_MS = 86_400_000;
/** Changes are known up to here. */
const YEAR_ENDS = '2027-01-01T00:00:00Z';
const changes = new Map<string, number[]>();
function changesOf(time_zone: string): number[] {
  const from = Date.parse(YEAR_ENDS) - 366 * DAY_MS;
  const known =
    changes.get(time_zone) ??
    clockChangesAfter(timed({ cron: '0 0 * * *', time_zone }), from, 0).map(({ atMs }) => atMs);
  changes.set(time_zone, known);
  return known;
}
const EXPRESSIONS = Number(process.env.ERRAND_CRON_EXPRESSIONS ?? 500);

const field = (low: number, high: number) => {
  const value = fc.integer({ min: low, max: high });
  return fc.oneof(
    { weight: 2, arbitrary: fc.constant('*') },
    value.map(String),
    fc
      .uniqueArray(value, { minLength: 2, maxLength: 4 })
      .map((values) => values.sort((a, b) => a - b).join()),
    fc.integer({ min: 2, max: Math.max(2, (high - low) >> 1) }).map((step) => `*/${step}`),
    fc.tuple(value, value).map((pair) => `${Math.min(...pair)}-${Math.max(...pair)}`),
  );
};
const expression = fc
  .tuple(
    field(0, 59),
    field(0, 23),
    fc.oneof(fc.constant('*'), field(1, 28)),
    fc.oneof(fc.constant('*'), field(1, 12)),
    fc.oneof(fc.constant('*'), field(0, 6)),
  )
  .map((fields) => fields.join(' '));

test(`${EXPRESSIONS} expressions tick as another library says, but on days of clock changes`, () => {
  const hours = fc.integer({ min: 0, max: 60 });
  let differing = 0;
  fc.assert(
    fc.property(
      expression,
      fc.constantFrom(...ZONES),
      fc.constantFrom(...DAYS),
      hours,
      (cron, time_zone, day, hour) => {
        const fromMs = Date.parse(`${day}T00:00:00Z`) + hour * 3_600_000;
        const ours = ticksAfter(timed({ cron, time_zone }), fromMs, 12);
        const judge = CronExpressionParser.parse(cron, { currentDate: new Date(fromMs), tz: time_zone });
        const theirs = judge.take(12).map((date) => date.getTime());
        const untilMs = Math.min(ours.at(-1) ?? 0, theirs.at(-1) ?? 0);
        const isOther = (ms: number) => ours.includes(ms) !== theirs.includes(ms);
        const other = [...ours, ...theirs].filter((ms) => ms <= untilMs && isOther(ms));
        differing += other.length > 0 ? 1 : 0;
        const changes = changesOf(time_zone);
        const isOnChange = (ms: number) => changes.some((atMs) => Math.abs(ms - atMs) < DAY_MS);
        const isCompared = (ms: number) => ms < Date.parse(YEAR_ENDS) && !isOnChange(ms);
        expect(other.filter(isCompared)).toEqual([]);
      },
    ),
    { numRuns: EXPRESSIONS },
  );
  // Nearly all are the same, or nothing would have been compared.
  expect(differing).toBeLessThan(EXPRESSIONS / 10);
});
