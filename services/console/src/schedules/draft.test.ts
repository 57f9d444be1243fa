import { expect, test } from 'vitest';
import type { ScheduleView } from '../api/answers.ts';
import { parseExact } from '../api/exact-json.ts';
import { bodyOf, changesOf, draftOf, newDraft } from './draft.ts';

const BIG = '1970670598291982290';

const stored = parseExact(`{
  "schedule_id": "sch_00000000000000000000000000000001", "external_id": "nightly", "description": "At night",
  "action": "quote", "resource": {"customer_id": "c-1"}, "input": {"amount": ${BIG}},
  "job": {"priority": 7}, "cron": "0 2 * * *", "time_zone": "Europe/Berlin", "every_s": null,
  "starts_at": "2027-01-01T00:00:00.000Z", "ends_at": null,
  "overlap": "skip", "catch_up": "none", "spread_s": 30, "paused": false
}`) as ScheduleView;

test('a form that nobody has touched changes nothing', () => {
  const body = bodyOf(draftOf(stored));
  expect(changesOf(bodyOf(draftOf(stored)), body)).toEqual({});
  expect(JSON.stringify(body)).toContain(`"amount":${BIG}`);
});

test('what is emptied is said to be empty, and what stays is left out', () => {
  const draft = draftOf(stored);
  const { starts_at: _, description: __, job: ___, ...members } = draft.members;
  expect(changesOf(bodyOf({ ...draft, members }), bodyOf(draft))).toEqual({
    starts_at: null,
    description: '',
    job: {},
  });
});

test('seconds take the place of the expression, which the form still has', () => {
  const draft = draftOf(stored);
  const every = { ...draft, by: 'every_s', members: { ...draft.members, every_s: 60 } } as const;
  expect(changesOf(bodyOf(every), bodyOf(draft))).toEqual({ cron: null, every_s: 60 });
  expect(changesOf(bodyOf({ ...every, by: 'cron' }), bodyOf(draft))).toEqual({});
});

test('a new one asks for what the form says, and names itself only if it has a name', () => {
  const draft = { ...newDraft('Asia/Kolkata'), action: 'echo', input: { value: {}, text: '{"a": 1}' } };
  const body = bodyOf({ ...draft, members: { ...draft.members, cron: '* * * * *' } });
  expect(body).toMatchObject({
    action: 'echo',
    cron: '* * * * *',
    time_zone: 'Asia/Kolkata',
    input: { a: 1 },
  });
  expect(body).not.toHaveProperty('external_id');
  expect(() => bodyOf({ ...draft, input: { value: {}, text: '{' } })).toThrow(SyntaxError);
});
