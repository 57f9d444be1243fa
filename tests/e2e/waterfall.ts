import type { ExportedSpan } from './exported-spans.ts';

/** A page that shows the spans of a trace, one below the other, and those of other traces that link to them. */
export function waterfall(spans: readonly ExportedSpan[], traceId: string): string {
  const times = spans.map((span) => [startMs(span), endMs(span)] as const);
  const from = Math.min(...times.map(([start]) => start));
  const lengthMs = MARGIN * (Math.max(...times.map(([, end]) => end)) - from);
  const inTrace = rowsOf(spans.filter((span) => span.traceId === traceId));
  const linked = spans.filter((span) => span.traceId !== traceId).toSorted(byStart);
  const share = (ms: number) => `${((100 * ms) / lengthMs).toFixed(3)}%`;
  const row = ({ span, depth, isLinked }: Row) => {
    const tookMs = endMs(span) - startMs(span);
    const left = startMs(span) - from;
    const kind = isLinked ? 'linked' : (KINDS[span.service] ?? '');
    const isFailed = span.status.code === FAILED;
    // A label beside a bar that ends at the right would stand outside.
    const label = left + tookMs > lengthMs * LABEL_BEFORE_FROM ? 'before' : 'after';
    return `<tr><td style="padding-left:${12 + depth * 18}px"><b>${asText(span.name)}</b><br><i>${asText(span.service)}</i></td>
<td class="time"><div class="bar ${kind}" style="left:${share(left)};width:max(2px,${share(tookMs)})">
<span class="${label}">${tookMs.toFixed(1)} ms${isFailed ? ` · <em>${asText(span.status.message ?? 'failed')}</em>` : ''}</span></div></td></tr>`;
  };
  const stepMs = STEPS_MS.find((step) => lengthMs / step < MOST_TICKS) ?? lengthMs;
  const ticks = Array.from({ length: Math.ceil(lengthMs / stepMs) }, (_, tick) => {
    const at = tick * stepMs;
    return `<span style="left:${share(at)}">${at} ms</span>`;
  });
  return `<!doctype html><meta charset="utf-8"><style>${STYLE}</style>
<table><tr class="head"><td>trace ${traceId}</td><td class="time">${ticks.join('')}</td></tr>
${inTrace.map(row).join('')}
<tr class="head"><td>linked to it, each a trace of its own</td><td class="time"></td></tr>
${linked.map((span) => row({ span, depth: 0, isLinked: true })).join('')}</table>`;
}

interface Row {
  readonly span: ExportedSpan;
  readonly depth: number;
  readonly isLinked?: boolean;
}

/** Children below their parents, in the order of their beginnings. */
function rowsOf(spans: readonly ExportedSpan[]): Row[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const below = (parent: string | undefined, depth: number): Row[] =>
    spans
      .filter(({ parentSpanId = '' }) => (ids.has(parentSpanId) ? parentSpanId : undefined) === parent)
      .toSorted(byStart)
      .flatMap((span) => [{ span, depth }, ...below(span.spanId, depth + 1)]);
  return below(undefined, 0);
}

const startMs = ({ startTimeUnixNano }: ExportedSpan) => Number(BigInt(startTimeUnixNano) / 1_000n) / 1_000;
const endMs = ({ endTimeUnixNano }: ExportedSpan) => Number(BigInt(endTimeUnixNano) / 1_000n) / 1_000;
const byStart = (a: ExportedSpan, b: ExportedSpan) => startMs(a) - startMs(b);
const asText = (text: string) => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);

const FAILED = 2;
const STEPS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000];
const MOST_TICKS = 8;
/** Beyond the last bar, so that it does not touch the edge. */
const MARGIN = 1.03;
const LABEL_BEFORE_FROM = 0.8;
const KINDS: Record<string, string> = {
  'errand-gateway': 'gateway',
  'errand-executor': 'executor',
  'errand-webhooks': 'webhooks',
};
const STYLE = `
body { margin: 0; font: 13px/1.35 system-ui, sans-serif; color: #1f2430; background: #fff }
table { width: 100%; border-collapse: collapse; table-layout: fixed }
td { padding: 7px 12px; border-bottom: 1px solid #e6e8ee; vertical-align: middle }
td:first-child { width: 410px; border-right: 1px solid #e6e8ee; overflow-wrap: anywhere }
.head td { background: #f4f5f8; color: #5a6172; font-size: 12px; height: 16px }
i { font-style: normal; color: #737b8c; font-size: 12px }
em { font-style: normal; color: #b3261e }
.time { position: relative; padding: 0 }
.head .time span { position: absolute; top: 8px; padding-left: 5px; border-left: 1px solid #c9cdd8 }
.bar { position: absolute; top: 50%; height: 14px; margin-top: -7px; border-radius: 3px; background: #8b93a7 }
.bar span { position: absolute; top: -2px; white-space: nowrap; color: #3a4152 }
.after { left: calc(100% + 7px) }
.before { right: calc(100% + 7px) }
.gateway { background: #4f6bed }
.executor { background: #1f9d76 }
.webhooks { background: #c97a12 }
.linked { background: #fff; border: 1.5px dashed #737b8c; box-sizing: border-box; min-width: 4px }
`;
