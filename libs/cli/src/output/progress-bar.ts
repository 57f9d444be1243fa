import type { BulkAction, JobSummary } from '@errand/client';
import type { World } from '../command.ts';
import { cellsOf, fitCells } from './cells.ts';
import { plain } from './text.ts';
import { clock } from './times.ts';

const BAR_WIDTH = 24;
const REDRAW_MS = 250;
const TO_LINE_START = '\r';
const ERASE_TO_LINE_END = '\u001b[K';

interface View {
  readonly nowMs: number;
  readonly columns: number;
}

/** One line, at most as wide as the terminal: bar, percent, status, message, attempt, time since the request. */
export function drawBar(job: JobSummary, { nowMs, columns }: View): string {
  const { progress, attempt, status } = job;
  const tried = attempt.number > 0 ? `attempt ${attempt.number}${attempt.max ? `/${attempt.max}` : ''}` : '';
  const untilMs = job.finished_at ? Date.parse(job.finished_at) : nowMs;
  return drawLine(columns, {
    percent: status === 'succeeded' ? 100 : (progress?.percent ?? 0),
    status,
    message: progress?.message ?? '',
    tail: [tried, clock(untilMs - Date.parse(job.created_at))],
  });
}

/** The same of a bulk action: bar, percent, state, how many jobs had their turn, time since its start. */
export function drawBulkBar(action: BulkAction, { nowMs, columns }: View): string {
  const { matched, done, skipped, failed } = action.counts;
  const over = done + skipped + failed;
  const untilMs = action.ended_at ? Date.parse(action.ended_at) : nowMs;
  const whole = action.state === 'done' ? 100 : 0;
  return drawLine(columns, {
    percent: matched === 0 ? whole : (over * 100) / matched,
    status: action.state,
    message: `${over} of ${matched}${skipped ? `, ${skipped} skipped` : ''}${failed ? `, ${failed} failed` : ''}`,
    tail: [clock(untilMs - Date.parse(action.created_at))],
  });
}

function drawLine(
  columns: number,
  told: { percent: number; status: string; message: string; tail: readonly string[] },
): string {
  const percent = Math.min(100, Math.max(0, told.percent));
  const filled = Math.round((percent * BAR_WIDTH) / 100);
  const bar = '█'.repeat(filled) + '░'.repeat(BAR_WIDTH - filled);
  const head = plain(`${bar} ${String(Math.round(percent)).padStart(3)} %  ${told.status}`);
  const tail = plain(told.tail.filter((part) => part !== '').join('  '));
  // The last column stays free: a terminal may wrap after it.
  const room = columns - 1 - cellsOf(head) - cellsOf(tail) - 4;
  const message = fitCells(plain(told.message), room);
  const line = [head, message, tail].filter((part) => part !== '').join('  ');
  return fitCells(line, columns - 1);
}

/** Draws on stderr until it is stopped; the last drawing stays. Nothing is drawn before the first update. */
export function startBar<T>(
  world: Pick<World, 'stderr' | 'now'>,
  columns: () => number,
  drawing: (told: T, view: View) => string,
): { update(newer: T): void; stop(): void } {
  let told: { value: T } | undefined;
  const draw = () => {
    if (!told) return;
    const line = drawing(told.value, { nowMs: world.now(), columns: columns() });
    world.stderr.write(`${TO_LINE_START}${line}${ERASE_TO_LINE_END}`);
  };
  const timer = setInterval(draw, REDRAW_MS);
  return {
    update(newer) {
      told = { value: newer };
      draw();
    },
    stop() {
      clearInterval(timer);
      draw();
      if (told) world.stderr.write('\n');
    },
  };
}
