import { type ReactNode, useState } from 'react';
import type { Stats, StatsPoint } from '../api/answers.ts';
import { numbers, Table } from '../parts/table.tsx';
import { durationOf } from '../parts/time.tsx';

type Series = Stats['series'];
interface ChartProps {
  readonly series: Series;
  readonly step: Stats['step'];
}

const WIDTH = 600;
const HEIGHT = 150;
const LEFT = 44;
const BASE = 130;
const TALL = 116;
const ENDINGS = ['succeeded', 'failed', 'canceled', 'expired'] as const;
const TONES = { succeeded: 'ok', failed: 'bad', canceled: 'idle', expired: 'warn' } as const;
const BANDS = { p50: 'idle', p95: 'run', p99: 'warn' } as const;

/** Jobs that ended in each minute or hour, by status. */
export function EndingsChart({ series, step }: ChartProps) {
  const most = Math.max(1, ...series.map(endedOf));
  const wide = (WIDTH - LEFT) / Math.max(1, series.length);
  return (
    <ChartPanel
      title={`Ended a ${step}`}
      series={series}
      columns={ENDINGS}
      cell={(point, name) => String(point[name])}
    >
      <Grid
        lines={[0, most / 2, most].map((value) => ({ y: BASE - (value / most) * TALL, text: short(value) }))}
      />
      {series.map((point, index) => {
        let below = BASE;
        return ENDINGS.map((name) => {
          const tall = (point[name] / most) * TALL;
          below -= tall;
          return tall === 0 ? null : (
            <rect
              key={`${point.at}${name}`}
              className={`fill ${TONES[name]}`}
              x={LEFT + index * wide}
              y={below}
              width={Math.max(1, wide - 1.5)}
              height={tall}
            />
          );
        });
      })}
      <Times series={series} />
    </ChartPanel>
  );
}

/** How long jobs waited for their first attempt, on a log scale. */
export function WaitsChart({ series, step }: ChartProps) {
  const waits = series.flatMap(({ queue_wait_ms: wait }) => (wait ? [wait.p50, wait.p99] : []));
  const [low, high] = [0, Math.max(3, ...waits.map((ms) => Math.log10(Math.max(1, ms))))];
  const y = (ms: number) => BASE - ((Math.log10(Math.max(1, ms)) - low) / (high - low)) * TALL;
  const x = (index: number) => LEFT + ((index + 0.5) * (WIDTH - LEFT)) / Math.max(1, series.length);
  const names = Object.keys(BANDS) as (keyof typeof BANDS)[];
  return (
    <ChartPanel
      title={`Waited for a slot, by ${step}`}
      note="log scale"
      series={series}
      columns={names}
      cell={(point, name) => (point.queue_wait_ms ? durationOf(point.queue_wait_ms[name]) : '–')}
    >
      <Grid
        lines={Array.from({ length: Math.ceil(high) + 1 }, (_, power) => 10 ** power)
          .filter((ms) => Math.log10(ms) <= high)
          .map((ms) => ({ y: y(ms), text: durationOf(ms) }))}
      />
      {names.map((name) => (
        <g key={name} className={`stroke ${BANDS[name]}`}>
          <path d={pathOf(series, (point) => point.queue_wait_ms?.[name], x, y)} />
        </g>
      ))}
      <Times series={series} />
    </ChartPanel>
  );
}

/** A line that breaks where there is nothing. */
function pathOf(
  series: Series,
  readPoint: (point: StatsPoint) => number | undefined,
  x: (index: number) => number,
  y: (value: number) => number,
): string {
  let isDrawing = false;
  return series
    .map((point, index) => {
      const value = readPoint(point);
      const begins = !isDrawing;
      isDrawing = value !== undefined;
      if (value === undefined) return '';
      const at = `${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
      return begins ? `M${at}h0.1` : `L${at}`;
    })
    .join('');
}

function ChartPanel<Name extends string>(props: {
  title: string;
  note?: string;
  series: Series;
  columns: readonly Name[];
  cell: (point: Series[number], name: Name) => string;
  children: ReactNode;
}) {
  const { title, note, series, columns, cell } = props;
  const [isTable, setTable] = useState(false);
  return (
    <section className="panel">
      <header>
        <h2>{title}</h2>
        <span className="end row">
          {note === undefined ? null : <span className="faint">{note}</span>}
          <button
            type="button"
            className="btn quiet"
            aria-pressed={isTable}
            onClick={() => setTable(!isTable)}
          >
            Table
          </button>
        </span>
      </header>
      <div className="body chart">
        {isTable ? (
          <Table label={title} className="tall" columns={['From', ...columns.map(numbers)]}>
            {series.map((point) => (
              <tr key={point.at}>
                <td>{timeOf(point.at)}</td>
                {columns.map((name) => (
                  <td key={name} className="num">
                    {cell(point, name)}
                  </td>
                ))}
              </tr>
            ))}
          </Table>
        ) : (
          <svg
            viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
            role="img"
            aria-label={`${title}. The button Table shows the figures.`}
          >
            {props.children}
          </svg>
        )}
        <div className="row legend">
          {columns.map((name) => (
            <span
              key={name}
              className={(TONES as Record<string, string>)[name] ?? (BANDS as Record<string, string>)[name]}
            >
              <i aria-hidden="true" />
              {name}
            </span>
          ))}
        </div>
      </div>
    </section>
  );
}

function Grid({ lines }: { lines: readonly { y: number; text: string }[] }) {
  return (
    <g>
      {lines.map(({ y, text }) => (
        <g key={y}>
          <line x1={LEFT} x2={WIDTH} y1={y} y2={y} className="gridline" />
          <text x="0" y={y + 4}>
            {text}
          </text>
        </g>
      ))}
    </g>
  );
}

function Times({ series }: { series: Series }) {
  const [first, last] = [series[0], series.at(-1)];
  if (!first || !last) return null;
  return (
    <g>
      <text x={LEFT} y={HEIGHT - 3}>
        {timeOf(first.at)}
      </text>
      <text x={WIDTH} y={HEIGHT - 3} textAnchor="end">
        {timeOf(last.at)}
      </text>
    </g>
  );
}

function timeOf(at: string): string {
  return new Date(at).toLocaleString(undefined, {
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hour12: false,
  });
}

function endedOf(point: StatsPoint): number {
  return ENDINGS.reduce((sum, name) => sum + point[name], 0);
}

function short(value: number): string {
  return value >= 10 || Number.isInteger(value) ? Math.round(value).toLocaleString() : value.toFixed(1);
}
