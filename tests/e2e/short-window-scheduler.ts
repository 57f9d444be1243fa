/* A scheduler that lets events leave the log seconds after nobody needs them, where a delivered one waits for minutes. */
import { runService } from '@errand/runtime';
import { settings, startScheduler } from '@errand/scheduler';

const GRACE_MS = 1_000;
/** Longer than what it takes until a trim is ended whose process died. */
const SLACK_MS = 12_000;

await runService({
  name: 'scheduler',
  settings,
  start: (config, context) =>
    startScheduler({ ...config, logGraceMinutes: GRACE_MS / 60_000 }, { ...context, slackMs: SLACK_MS }),
});
