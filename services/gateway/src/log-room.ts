import type { Bus } from '@errand/bus';
import { Gauge, type Ops } from '@errand/runtime';
import { Refusal } from './problem.ts';

/** Whether the log has room for more jobs. */
export interface LogRoom {
  /**
   * Lets a new job in. What is left of the log belongs to the jobs that are in it: a full log would take no endings
   * either, and nothing could end.
   * @throws Refusal log_nearly_full
   */
  admitRun(): void;
  [Symbol.dispose](): void;
}

const LOOK_MS = 1_000;

/**
 * Looks every second how full the log is. What comes in between two looks is let in, so `runsPercent`, the share of
 * the log that runs may fill, has to leave more than that. While the log does not answer, the last look counts.
 */
export async function watchLogRoom(
  bus: Pick<Bus, 'readLogFill'>,
  options: { runsPercent: number; metrics: Ops['metrics'] },
): Promise<LogRoom> {
  let fill = 0;
  const look = async () => {
    fill = await bus.readLogFill().catch(() => fill);
  };
  await look();
  const timer = setInterval(() => void look(), LOOK_MS).unref();
  new Gauge({
    name: 'errand_log_fill_ratio',
    help: 'How much of the bytes that the log may hold are in it',
    registers: [options.metrics],
    collect() {
      this.set(fill);
    },
  });
  return {
    admitRun() {
      if (fill * 100 >= options.runsPercent) throw new Refusal('log_nearly_full');
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
