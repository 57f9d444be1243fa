import type { Delivery, EventView } from '../api/answers.ts';
import type { Tone } from '../parts/status.tsx';

/** A stretch of a job's life, on the axis from its request to its end or now. Times in Unix milliseconds. */
export interface Span {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly tone: Tone;
  /** `wait`: nothing of the job's is at work. */
  readonly kind: 'wait' | 'work' | 'point';
  /** What came of it, in words. */
  readonly note: string;
}

/** What ended an attempt before its executor did. */
const ATTEMPT_ENDS: Record<string, { tone: Tone; note: string }> = {
  JobSucceeded: { tone: 'ok', note: 'succeeded' },
  JobFailed: { tone: 'bad', note: 'failed' },
  JobRetrying: { tone: 'bad', note: 'failed, to be retried' },
  JobDeferred: { tone: 'run', note: 'left its work to something outside' },
  JobCanceled: { tone: 'idle', note: 'canceled' },
  JobExpired: { tone: 'warn', note: 'expired' },
  JobStarted: { tone: 'warn', note: 'taken over' },
  JobDue: { tone: 'warn', note: 'given back' },
};
const POINTS: Record<string, { name: string; tone: Tone }> = {
  JobSucceeded: { name: 'Ended: succeeded', tone: 'ok' },
  JobFailed: { name: 'Ended: failed', tone: 'bad' },
  JobCanceled: { name: 'Ended: canceled', tone: 'idle' },
  JobExpired: { name: 'Ended: expired', tone: 'warn' },
  JobCancelRequested: { name: 'Cancel asked for', tone: 'warn' },
};

/** The stretches of a job, in the order in which they began: waits, attempts, its end, and what was told of it. */
export function spansOf(
  events: readonly EventView[],
  deliveries: readonly Delivery[],
  nowMs: number,
): Span[] {
  const ordered = events
    .filter(({ type }) => type !== 'JobProgressed')
    .toSorted((a, b) => a.version - b.version);
  const spans: Span[] = [];
  let open: Omit<Span, 'to'> | undefined;
  const close = (to: number, said: Partial<Span> = {}) => {
    if (open) spans.push({ ...open, to: Math.max(open.from, to), ...said });
    open = undefined;
  };
  for (const { type, time, data } of ordered) {
    const at = Date.parse(time);
    const isAttempt = open?.kind === 'work';
    const end = ATTEMPT_ENDS[type];
    if (type === 'JobCancelRequested') {
      spans.push({ ...pointAt(at), name: 'Cancel asked for', tone: 'warn', note: `by ${data.by}` });
      continue;
    }
    close(at, isAttempt && end ? end : {});
    if (type === 'JobRequested') {
      const later = data.start_after === undefined ? undefined : Date.parse(data.start_after);
      open = waitFrom(at, later === undefined ? 'Waited for a slot' : 'Waited for its start');
    } else if (type === 'JobStarted') {
      open = {
        name: `Attempt ${data.attempt} · ${data.executor_id}`,
        from: at,
        tone: 'run',
        kind: 'work',
        note: 'runs',
      };
    } else if (type === 'JobRetrying') {
      open = { ...waitFrom(at, 'Retry wait'), note: data.error.code };
    } else if (type === 'JobDeferred') {
      open = outsideFrom(at, data.waits_for);
    } else if (type === 'JobDue') {
      open = waitFrom(at, data.reason === 'turn' ? 'Handed out' : 'Waited for a slot');
    } else if (type === 'JobCarried') {
      open = data.deferred ? outsideFrom(at, data.deferred.waits_for) : waitFrom(at, 'Waited for a time');
    } else if (POINTS[type]) {
      spans.push({ ...pointAt(at), note: '', ...POINTS[type] });
    }
  }
  close(nowMs);
  return [...spans, ...deliveries.flatMap((delivery) => deliverySpans(delivery, nowMs))];
}

function deliverySpans(delivery: Delivery, nowMs: number): Span[] {
  const from = Date.parse(delivery.created_at);
  const isPending = delivery.status === 'pending';
  const to = isPending ? nowMs : Date.parse(delivery.updated_at);
  const tone = isPending
    ? 'warn'
    : delivery.status === 'failed'
      ? 'bad'
      : delivery.status === 'expired'
        ? 'warn'
        : 'ok';
  const tries = `${delivery.attempts} ${delivery.attempts === 1 ? 'try' : 'tries'}`;
  const name = `Webhook ${delivery.endpoint_id === 'job' ? 'of the run' : delivery.endpoint_id}`;
  return [
    {
      name,
      from,
      to: Math.max(from, to),
      tone,
      kind: isPending ? 'wait' : 'work',
      note: `${delivery.status}, ${tries}`,
    },
  ];
}

function waitFrom(from: number, name: string): Omit<Span, 'to'> {
  return { name, from, tone: 'idle', kind: 'wait', note: '' };
}

function outsideFrom(from: number, waitsFor: string | undefined): Omit<Span, 'to'> {
  return waitFrom(
    from,
    waitsFor === 'callback' ? 'Waited for a call from outside' : 'Waited for its operation',
  );
}

function pointAt(at: number): { from: number; to: number; kind: 'point' } {
  return { from: at, to: at, kind: 'point' };
}
