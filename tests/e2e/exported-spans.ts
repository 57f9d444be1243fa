import type { Receiver } from '@errand/testkit';

/** A span as OTLP has it in JSON, with the service that exported it. */
export interface ExportedSpan {
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** SERVER 2, CLIENT 3, PRODUCER 4, CONSUMER 5. */
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
  readonly status: { readonly code?: number; readonly message?: string };
}

/** All spans that an OTLP/HTTP receiver has got. */
export function exportedSpans({ requests }: Receiver): ExportedSpan[] {
  return requests.flatMap(({ body }) =>
    JSON.parse(body).resourceSpans.flatMap(({ resource, scopeSpans }: never) => {
      const service = attributeOf(resource, 'service.name');
      const spans = (scopeSpans as { spans: ExportedSpan[] }[]).flatMap((scope) => scope.spans);
      return spans.map((span) => ({ ...span, service }));
    }),
  );
}

export function attributeOf({ attributes }: Pick<ExportedSpan, 'attributes'>, key: string): unknown {
  return Object.values(attributes.find((each) => each.key === key)?.value ?? {})[0];
}
