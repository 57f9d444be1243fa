import { expect, test } from 'vitest';
import { run } from '../../../test/command.ts';
import { startTestGateway } from '../../../test/gateway.ts';
import { local } from '../../output/times.ts';

const JOB = '01a20b96-1514-7abb-ac7b-820fd55ab526';
const TIME = '2026-01-31T12:00:00Z';
const entry = (id: number, rest: object) => ({ id, attempt: 1, number: id, time: TIME, ...rest });

test('each entry is one line, and only those of later attempts name theirs', async () => {
  const entries = [
    entry(1, { type: 'log', message: 'two\nlines', fields: { rows: [1, 2], at: 'a b' } }),
    entry(2, { type: 'log', message: 'long', cut_of_bytes: 70_000 }),
    entry(3, { type: 'dropped', count: 12 }),
    entry(4, { type: 'dropped', count: 1 }),
    entry(5, { type: 'output', attempt: 2, value: { part: [1, null] } }),
    entry(6, { type: 'log', attempt: 2, message: 'done' }),
  ];
  const path = `GET /v2/tenants/t/jobs/${JOB}/logs`;
  await using gateway = await startTestGateway({ [path]: { body: { entries, next_after: null } } });
  const { code, out, said } = await run(['logs', JOB, '--after', '7'], gateway.env);
  const lines = [
    'two lines {"rows":[1,2],"at":"a b"}',
    'long … cut, of 70000 bytes',
    '… 12 lines dropped',
    '… 1 line dropped',
    'attempt 2  output: {"part":[1,null]}',
    'attempt 2  done',
  ];
  expect([code, said]).toEqual([0, '']);
  expect(out).toBe(lines.map((line) => `${local(TIME)}  ${line}\n`).join(''));
  const json = await run(['logs', JOB, '--json'], gateway.env);
  expect(JSON.parse(json.out)).toEqual({ entries });
  expect(gateway.asked).toEqual([`${path}?after=7`, path]);
});

test('a log without entries says why it may be empty, and nothing on stdout', async () => {
  await using gateway = await startTestGateway({
    [`GET /v2/tenants/t/jobs/${JOB}/logs`]: { body: { entries: [], next_after: null } },
  });
  const { code, out, said } = await run(['logs', JOB], gateway.env);
  expect([code, out, said]).toEqual([0, '', expect.stringContaining("logs: 'caller'")]);
  expect((await run(['logs', JOB, '--json'], gateway.env)).out).toBe('{"entries":[]}\n');
});
