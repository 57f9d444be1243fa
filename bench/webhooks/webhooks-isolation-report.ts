import { median } from '../harness/median.ts';
import { round } from '../harness/percentile.ts';

/** One turn of one side. */
export interface Figures {
  /** From the log's acknowledgement of an ending to the request, at the fixed rate. */
  readonly p50_ms: number;
  readonly p99_ms: number;
  /** Deliveries per second in a burst. */
  readonly per_s: number;
  /** The webhooks process's CPU time in microseconds per delivery. */
  readonly cpu_us: number;
  readonly took_s: number;
  /** Hanging requests at the start and at the end of the turn. */
  readonly hanging: readonly [number, number];
}

/** Turns of both sides under the same circumstances. */
export interface Stage {
  readonly name: string;
  readonly alone: Figures[];
  readonly beside: Figures[];
}

const MEASURED = ['p50_ms', 'p99_ms', 'per_s', 'cpu_us'] as const;
type Measured = (typeof MEASURED)[number];

/** Prints the stages' medians, and returns them. */
export function reportIsolation(run: {
  stages: readonly Stage[];
  /** Deliveries waiting for the dead endpoint. */
  rows: number;
  /** Attempts that the dead endpoint got. */
  calls: number;
  memoryMb: { before: number; after: number };
}): object {
  const { stages, rows, calls, memoryMb } = run;
  const figures = stages.map(({ name, alone, beside }) => {
    const own = mediansOf(alone);
    const others = mediansOf(beside);
    const ratio = (key: Measured) => round(others[key] / own[key], 2);
    return {
      stage: name,
      alone: own,
      beside: others,
      ratio_p50: ratio('p50_ms'),
      ratio_p99: ratio('p99_ms'),
      ratio_per_s: ratio('per_s'),
      turns_p99_ms: {
        alone: alone.map(({ p99_ms }) => round(p99_ms, 1)),
        beside: beside.map(({ p99_ms }) => round(p99_ms, 1)),
      },
      turns_s: beside.map(({ took_s }) => round(took_s, 1)),
      hanging: beside.map(({ hanging }) => hanging),
    };
  });
  console.log(
    `\n200 healthy endpoints alone, and beside a dead one with ${rows} deliveries waiting and 100 that hang until the ` +
      'deadline;\nmedians of turns; latency from the event in the log to its request, ms; throughput in deliveries a ' +
      'second\n',
  );
  console.log(
    `${''.padEnd(20)}${'alone'.padStart(26)}${'beside'.padStart(28)}${'beside / alone'.padStart(28)}`,
  );
  const heads = ['p50', 'p99', 'per s', 'p50', 'p99', 'per s', 'p50', 'p99', 'per s'];
  console.log(`${''.padEnd(20)}${heads.map((head) => head.padStart(9)).join('')}`);
  for (const row of figures) {
    const cells = [row.alone, row.beside].flatMap(({ p50_ms, p99_ms, per_s }) => [p50_ms, p99_ms, per_s]);
    const all = [...cells, row.ratio_p50, row.ratio_p99, row.ratio_per_s];
    console.log(`${row.stage.padEnd(20)}${all.map((cell) => String(cell).padStart(9)).join('')}`);
  }
  console.log(
    `\nThe first line has nothing beside either: it shows what chance does. The dead endpoint was called ${calls} ` +
      `times. Memory of its\nprocess: ${memoryMb.before} MB before its deliveries waited, ${memoryMb.after} MB after.\n`,
  );
  return { rows, stages: figures, dead_endpoint_calls: calls, memory_mb: memoryMb };
}

function mediansOf(turns: readonly Figures[]): Record<Measured, number> {
  const entries = MEASURED.map((key) => [key, round(median(turns.map((turn) => turn[key])), 1)]);
  return Object.fromEntries(entries);
}
