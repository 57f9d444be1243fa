import type { BulkAction } from '@errand/client';
import { expect, test } from 'vitest';
import { run } from '../../../test/command.ts';
import { startTestGateway } from '../../../test/gateway.ts';

const ID = '01a20b96-1514-7abb-ac7b-820fd55ab526';
const JOB = '01a20b96-1514-7abb-ac7b-820fd55ab527';
const PATH = '/v2/tenants/t/bulk-actions';
const ACTION: BulkAction = {
  bulk_id: ID,
  action: 'retry',
  filter: { status: ['failed'], metadata: { team: 'a' } },
  state: 'done',
  counts: { matched: 4, done: 2, skipped: 1, failed: 1 },
  skipped_because: { not_ended: 1 },
  failures: [{ job_id: JOB, code: 'input_gone', detail: 'gone' }],
  created_by: 'ci',
  created_at: '1970-01-01T00:00:00.000Z',
  started_at: null,
  ended_at: null,
  links: { bulk_action: '', abort: '', resume: '' },
};

test('a bulk action says how it is followed, or with --wait what became of the jobs: 1 if any failed', async () => {
  await using gateway = await startTestGateway({
    [`POST ${PATH}`]: { status: 202, body: { ...ACTION, state: 'running' } },
    [`GET ${PATH}/${ID}`]: { body: ACTION },
  });
  const args = ['bulk', 'retry', '--status', 'failed', '--metadata', 'team=a'];
  const started = await run(args, gateway.env);
  expect(started).toMatchObject({
    code: 0,
    out: `bulk action ${ID} is running; errand bulk show ${ID} shows its state\n`,
  });
  const waited = await run([...args, '--wait'], gateway.env);
  expect(waited.code).toBe(1);
  expect(waited.out).toContain('filter       status=failed metadata.team=a\n');
  expect(waited.out).toContain('skipped      1 not_ended=1\n');
  expect(waited.out).toMatch(new RegExp(`FAILED JOB +CODE\n${JOB} +input_gone +gone\n$`));
});

test('a dry run counts, and without a filter nothing is sent', async () => {
  await using gateway = await startTestGateway({ [`POST ${PATH}`]: { body: { matched: 1 } } });
  const args = ['bulk', 'cancel', '--action', 'render', '--dry-run'];
  expect(await run(args, gateway.env)).toMatchObject({ code: 0, out: '1 job matches\n' });
  expect(JSON.parse((await run([...args, '--json'], gateway.env)).out)).toEqual({ matched: 1 });
  expect(gateway.asked.length).toBe(2);
  const none = await run(['bulk', 'cancel'], gateway.env);
  expect([none.code, gateway.asked.length]).toEqual([2, 2]);
  expect(none.said).toContain('say which jobs');
});

test('bulk actions are listed, shown, aborted and resumed', async () => {
  await using gateway = await startTestGateway({
    [`GET ${PATH}`]: { body: { bulk_actions: [ACTION], next_cursor: null } },
    [`GET ${PATH}/${ID}`]: { body: ACTION },
    [`POST ${PATH}/${ID}/abort`]: { body: { ...ACTION, state: 'aborted' } },
    [`POST ${PATH}/${ID}/resume`]: { body: { ...ACTION, state: 'running' } },
  });
  const { out } = await run(['bulk', 'list'], gateway.env);
  expect(out).toMatch(new RegExp(`^BULK ACTION .*\n${ID} +retry +done +4 +2 +1 +1 +0 s ago +ci\n$`));
  expect((await run(['bulk', 'show', ID], gateway.env)).out).toMatch(/^bulk action +01a20b96/);
  expect((await run(['bulk', 'abort', ID], gateway.env)).out).toContain('state        aborted\n');
  expect((await run(['bulk', 'resume', ID], gateway.env)).out).toContain('is running');
  expect((await run(['bulk', 'show', 'none'], gateway.env)).code).toBe(4);
});
