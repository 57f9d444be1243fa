import type { JobSummary } from '@errand/client';
import type { World } from '../command.ts';
import { cellsOf, fitCells } from './cells.ts';
import { plain } from './text.ts';
import { clock } from './times.ts';

const BAR_WIDTH = 24;
const REDRAW_MS = 250;
const TO_LINE_START = '\r';
const ERASE_TO_LINE_END = '\u001b[K';

/** One line, at most as wide as the terminal: bar, percent, status, message, attempt, time since the request. */
export function drawBar(job: JobSummary, { nowMs, columns }: { nowMs: number; columns: number }): string {
  const { progress, attempt, status } = job;
  const told = status === 'succeeded' ? 100 : (progress?.percent ?? 0);
  const percent = Math.min(100, Math.max(0, told));
  const filled = Math.round((percent * BAR_WIDTH) / 100);
  const bar = '█'.repeat(filled) + '░'.repeat(BAR_WIDTH - filled);
  const tried = attempt.number > 0 ? `attempt ${attempt.number}${attempt.max ? `/${attempt.max}` : ''}` : '';
  const untilMs = job.finished_at ? Date.parse(job.finished_at) : nowMs;
  const elapsed = clock(untilMs - Date.parse(job.created_at));
  const head = plain(`${bar} ${String(Math.round(percent)).padStart(3)} %  ${status}`);
  const tail = plain([tried, elapsed].filter((part) => part !== '').join('  '));
  // The last column stays free: a terminal may wrap after it.
  const room = columns - 1 - cellsOf(head) - cellsOf(tail) - 4;
  const message = fitCells(plain(progress?.message ?? ''), room);
  const line = [head, message, tail].filter((part) => part !== '').join('  ');
  return fitCells(line, columns - 1);
}

/** Draws on stderr until it is stopped; the last drawing stays. Nothing is drawn before the first update. */
export function startBar(
  world: Pick<World, 'stderr' | 'now'>,
  columns: () => number,
): { update(job: JobSummary): void; stop(): void } {
  let job: JobSummary | undefined;
  const draw = () => {
    if (!job) return;
    const line = drawBar(job, { nowMs: world.now(), columns: columns() });
    world.stderr.write(`${TO_LINE_START}${line}${ERASE_TO_LINE_END}`);
  };
  const timer = setInterval(draw, REDRAW_MS);
  return {
    update(newer) {
      job = newer;
      draw();
    },
    stop() {
      clearInterval(timer);
      draw();
      if (job) world.stderr.write('\n');
    },
  };
}
