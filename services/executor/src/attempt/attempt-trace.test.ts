import type { JobHistory } from '@errand/contracts';
import type { RecordedRequest } from '@errand/domain';
import { REQUEST, record } from '@errand/domain/testing';
import type { Tracing } from '@errand/runtime';
import { expect, test } from 'vitest';
import { traceAttempts } from './attempt-trace.ts';

const REQUESTED = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`;
const EARLIER = `00-${'1'.repeat(32)}-${'3'.repeat(16)}-01`;
const OWN = `00-${'1'.repeat(32)}-${'4'.repeat(16)}-01`;
const HOUR_MS = 3_600_000;

function traced(waitedMs: number, isOn = true) {
  const [request, started] = record([
    { type: 'JobRequested', data: REQUEST },
    { type: 'JobStarted', data: { attempt: 1, executor_id: 'e' } },
  ]);
  if (!request || !started) throw new Error('nothing recorded');
  const first = { ...request, event: { ...request.event, traceparent: REQUESTED } };
  const second = { ...started, event: { ...started.event, traceparent: EARLIER } };
  const begun: object[] = [];
  const tracing = {
    begin(name: string, { parent, links }: Parameters<Tracing['begin']>[1]) {
      begun.push({ name, parent, links });
      return { traceparent: OWN };
    },
  } as unknown as Tracing;
  const now = () => Date.parse(request.event.time) + waitedMs;
  const deps = { tracing: isOn ? tracing : undefined, now };
  const trace = traceAttempts(deps, [first, second] as JobHistory, first as RecordedRequest);
  trace.begin();
  return { begun, traceparent: trace.traceparent() };
}

test('an attempt is a part of the trace of its request, with a link to the attempt before it', () => {
  const { begun, traceparent } = traced(HOUR_MS);
  expect(begun).toMatchObject([{ parent: REQUESTED, links: [undefined, EARLIER] }]);
  expect(traceparent).toBe(OWN);
});

test('one that begins more than an hour after its request is a trace of its own, with a link to that', () => {
  expect(traced(HOUR_MS + 1).begun).toMatchObject([{ parent: undefined, links: [REQUESTED, EARLIER] }]);
});

test('where nothing is traced, the trace of the caller is handed on', () => {
  expect(traced(0, false)).toEqual({ begun: [], traceparent: REQUESTED });
});
