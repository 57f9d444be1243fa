import { assertEqual, type Cases, failureOf } from './contract-case.ts';

export const SCHEDULE_CASES: Cases = {
  'a schedule is made once, runs its job, and is removed': async ({ errand }) => {
    const { schedules } = errand;
    const draft = {
      action: 'shout',
      resource: { room: 'a' },
      input: { text: 'by the clock' },
      cron: '0 6 * * 1-5',
      timeZone: 'Europe/Berlin',
      externalId: `nightly ${Math.random()}`,
      metadata: { by: 'clock' },
    };
    assertEqual((await schedules.check(draft)).ticks.length, 10);
    const made = await schedules.create(draft);
    assertEqual((await schedules.create(draft)).schedule_id, made.schedule_id);
    const listed = [];
    for await (const each of schedules.list({ externalId: draft.externalId })) listed.push(each.schedule_id);
    assertEqual(listed, [made.schedule_id]);
    const summary = await errand.wait(await schedules.run(made.schedule_id));
    assertEqual(
      [summary.source, summary.metadata.by, summary.schedule?.schedule_id],
      ['schedule', 'clock', made.schedule_id],
    );
    assertEqual((await schedules.pause(made.schedule_id)).next_at, null);
    const changed = await schedules.change(made.schedule_id, { everyS: 3_600 });
    assertEqual([changed.cron, changed.every_s, changed.paused], [null, 3_600, true]);
    assertEqual((await schedules.preview(made.schedule_id)).clock_changes, []);
    assertEqual((await schedules.resume(made.schedule_id)).paused, false);
    await schedules.delete(made.schedule_id);
    assertEqual((await failureOf(schedules.get(made.schedule_id))).code, 'unknown_schedule');
  },
};
