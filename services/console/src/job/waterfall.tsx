import { useMemo, useState } from 'react';
import type { Delivery, EventView } from '../api/answers.ts';
import { numbers, Table } from '../parts/table.tsx';
import { clockTime, durationOf, useNow } from '../parts/time.tsx';
import { type Span, spansOf } from './spans.ts';

const TICKS = 5;
const MOST = 200;

/** Waits, attempts, the ending and deliveries of a job on one axis; as a table too. */
export function Waterfall({
  events,
  deliveries,
  isOver,
}: {
  events: readonly EventView[];
  deliveries: readonly Delivery[];
  isOver: boolean;
}) {
  const now = useNow();
  const isSettled = isOver && deliveries.every((each) => each.status !== 'pending');
  const at = isSettled ? 0 : now;
  const all = useMemo(() => spansOf(events, deliveries, at || Date.now()), [events, deliveries, at]);
  const [isTable, setTable] = useState(false);
  const spans = all.slice(0, MOST);
  const from = Math.min(...spans.map((span) => span.from));
  const to = Math.max(from + 1, ...spans.map((span) => span.to));
  if (spans.length === 0) return null;
  return (
    <div className="body">
      <div className="row end">
        <button type="button" className="btn quiet" aria-pressed={isTable} onClick={() => setTable(!isTable)}>
          Table
        </button>
      </div>
      {isTable ? <SpanTable spans={spans} /> : <SpanChart spans={spans} from={from} to={to} />}
      {all.length > MOST ? (
        <p className="dim">
          The first {MOST} of {all.length.toLocaleString()} stretches.
        </p>
      ) : null}
    </div>
  );
}

function SpanChart({ spans, from, to }: { spans: readonly Span[]; from: number; to: number }) {
  const share = (ms: number) => ((ms / (to - from)) * 100).toFixed(3);
  return (
    <div className="wf" role="img" aria-label="The job on a time axis. The button Table shows the figures.">
      <div />
      <div className="axis">
        {Array.from({ length: TICKS + 1 }, (_, tick) => (
          <span key={tick}>
            {tick === 0
              ? clockTime(new Date(from).toISOString()).slice(0, 8)
              : `+${durationOf(((to - from) * tick) / TICKS)}`}
          </span>
        ))}
      </div>
      <div />
      {spans.map((span, index) => (
        <SpanRow
          key={`${index} ${span.name}`}
          span={span}
          left={share(span.from - from)}
          width={share(span.to - span.from)}
        />
      ))}
    </div>
  );
}

function SpanRow({ span, left, width }: { span: Span; left: string; width: string }) {
  const { name, tone, kind, from, to } = span;
  const style = kind === 'wait' ? ' hatch' : kind === 'point' ? ' solid' : '';
  return (
    <>
      <div className="name" title={name}>
        {name}
      </div>
      <div className="lane">
        <svg width="100%" height="28" aria-hidden="true">
          <rect
            className={`bar ${tone}${style}`}
            y="6"
            height="16"
            rx="3"
            style={{ x: `min(${left}%, calc(100% - 3px))`, width: `max(3px, ${width}%)` }}
          />
        </svg>
      </div>
      <div className="num dim">
        {kind === 'point' ? clockTime(new Date(from).toISOString()).slice(0, 8) : durationOf(to - from)}
      </div>
    </>
  );
}

function SpanTable({ spans }: { spans: readonly Span[] }) {
  return (
    <Table label="Timeline" columns={['What', 'From', numbers('Took'), 'Outcome']}>
      {spans.map((span, index) => (
        <tr key={`${index} ${span.name}`}>
          <td>{span.name}</td>
          <td className="mono">{clockTime(new Date(span.from).toISOString())}</td>
          <td className="num">{span.kind === 'point' ? '' : durationOf(span.to - span.from)}</td>
          <td className="dim">{span.note}</td>
        </tr>
      ))}
    </Table>
  );
}
