/* A projection whose days are short. It looks for what has expired once in each hour of them. */
import { settings, startProjection } from '@errand/projection';
import { runService } from '@errand/runtime';
import { compressedTime } from './compressed-time.ts';

const { dayMs } = compressedTime();

await runService({
  name: 'projection',
  settings,
  start: (config, context) =>
    startProjection({ ...config, retentionSweepMs: dayMs / 24 }, { ...context, dayMs }),
});
