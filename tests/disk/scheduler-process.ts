/* A scheduler that keeps events in JOBS for one retention: a half of it is the grace, the other half the slack. */
import { runService } from '@errand/runtime';
import { settings, startScheduler } from '@errand/scheduler';
import { compressedTime } from './compressed-time.ts';

const halfMs = compressedTime().retentionMs / 2;

await runService({
  name: 'scheduler',
  settings,
  start: (config, context) =>
    startScheduler(
      { ...config, logGraceMinutes: halfMs / 60_000, logTrimMs: halfMs / 5 },
      { ...context, slackMs: halfMs },
    ),
});
