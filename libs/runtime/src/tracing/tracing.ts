import { setTimeout as pause } from 'node:timers/promises';
import type { Attributes, Context, SpanContext } from '@opentelemetry/api';

/*
 * Traces by OpenTelemetry, of what crosses processes: requests, attempts at jobs, batches of events, webhook calls. A span knows its place by
 * the W3C traceparent of its parent, which travels in headers, events and rows, so nothing is kept per thread of work.
 */

export interface Tracing extends AsyncDisposable {
  /** Begins a span; it is exported once it has ended. */
  begin(name: string, about: SpanStart): Span;
}

interface SpanStart {
  readonly kind: 'server' | 'client' | 'producer' | 'consumer';
  /** A traceparent. Undefined: the span begins a trace. */
  readonly parent?: string | undefined;
  /** Traceparents of others that it has to do with. */
  readonly links?: readonly (string | undefined)[];
  readonly attributes?: Attributes;
}

export interface Span {
  /** What to hand on, so that others become its children. */
  readonly traceparent: string;
  /** Begins a span that is a part of this one. */
  child(name: string, about: Omit<SpanStart, 'parent'>): Span;
  /** What was learned meanwhile. */
  name(name: string): void;
  set(attributes: Attributes): void;
  /** `error`: a short word for why it failed. */
  end(error?: string): void;
}

/** Undefined unless an endpoint is given: then nothing is loaded, and nothing costs anything. */
export async function openTracing({
  service,
  endpoint,
  share,
  onError,
}: {
  service: string;
  /** Base URL of an OTLP/HTTP receiver. */
  endpoint: string | undefined;
  /** How many of the traces that begin here are kept, from 0 to 1. */
  share: number;
  /** Called once a minute at the most, however many exports fail. */
  onError: (error: Error) => void;
}): Promise<Tracing | undefined> {
  if (endpoint === undefined) return undefined;
  const [api, sdk, { resourceFromAttributes }, { OTLPTraceExporter }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/exporter-trace-otlp-http'),
  ]);
  const { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, isSpanContextValid } = api;
  let toldMs = Number.NEGATIVE_INFINITY;
  const tell = (reason: string) => {
    if (performance.now() - toldMs < TELL_EVERY_MS) return;
    toldMs = performance.now();
    onError(new Error(reason));
  };
  api.diag.setLogger({ ...SILENT, error: (message) => tell(reasonIn(message)) });
  const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces` });
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({ 'service.name': `errand-${service}` }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(share) }),
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter, scheduledDelayMillis: EXPORT_EVERY_MS })],
  });
  const tracer = provider.getTracer('errand');

  function contextOf(traceparent: string | undefined): Context {
    const spanContext = traceparent === undefined ? undefined : spanContextOf(traceparent);
    return spanContext && isSpanContextValid(spanContext)
      ? trace.setSpanContext(ROOT_CONTEXT, spanContext)
      : ROOT_CONTEXT;
  }

  function begin(name: string, { kind, parent, links = [], attributes = {} }: SpanStart): Span {
    const linked = links.flatMap((link) => (link === undefined ? [] : [{ context: spanContextOf(link) }]));
    const options = { kind: SpanKind[UPPER[kind]], attributes, links: linked };
    const span = tracer.startSpan(name, options, contextOf(parent));
    const traceparent = traceparentOf(span.spanContext());
    return {
      traceparent,
      child: (named, about) => begin(named, { ...about, parent: traceparent }),
      name: (given) => void span.updateName(given),
      set: (given) => void span.setAttributes(given),
      end(error) {
        if (error !== undefined) {
          span.setStatus({ code: SpanStatusCode.ERROR, message: error });
          span.setAttribute('error.type', error);
        }
        span.end();
      },
    };
  }

  return {
    begin,
    async [Symbol.asyncDispose]() {
      const exported = provider.shutdown().catch((error: Error) => tell(error.message));
      await Promise.race([exported, pause(LAST_EXPORT_MS, undefined, { ref: false })]);
    },
  };
}

/** The trace that a traceparent belongs to, for logs. */
export function traceIdOf(traceparent: string | undefined): string | undefined {
  return traceparent?.slice(3, 35);
}

/** Whether the span of a traceparent is exported. */
export function isSampled(traceparent: string): boolean {
  return (spanContextOf(traceparent).traceFlags & 1) === 1;
}

const EXPORT_EVERY_MS = 1_000;
const TELL_EVERY_MS = 60_000;
/** How long a stop waits for a receiver that is slow or away. */
const LAST_EXPORT_MS = 2_000;
const UPPER = { server: 'SERVER', client: 'CLIENT', producer: 'PRODUCER', consumer: 'CONSUMER' } as const;
const SILENT = { warn() {}, info() {}, debug() {}, verbose() {} };

/** The SDK writes an error down as JSON, with its stack. */
function reasonIn(message: string): string {
  try {
    return String(JSON.parse(message).message);
  } catch {
    return message;
  }
}

/** Of `<version>-<trace id>-<span id>-<flags>`. */
function spanContextOf(traceparent: string): SpanContext {
  const [, traceId = '', spanId = '', flags = '00'] = traceparent.split('-');
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true };
}

function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-0${traceFlags & 1}`;
}
