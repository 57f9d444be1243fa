import fc from 'fast-check';
import { arbitraryValue, type Hints } from './arbitrary-value.ts';
import type { Json, OpenapiDocument, Operation } from './openapi-document.ts';

/** A request as it is sent, except for values that only the running system knows: `{{job_id:3}}` is one of its jobs. */
export interface RandomRequest {
  readonly operation: Operation;
  readonly path: string;
  readonly key: 'tenant' | 'admin' | 'wrong' | 'none';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** Such marks stand for ids that exist. */
const KNOWN = [
  'job_id',
  'endpoint_id',
  'delivery_id',
  'replay_id',
  'bulk_id',
  'schedule_id',
  'key_id',
  'verification_id',
  'file',
] as const;
export type Known = (typeof KNOWN)[number];

function markOf(name: Known, index: number): string {
  return `{{${name}:${index}}}`;
}

/** Requests for one operation: about half of them valid by the document, the others with something wrong. */
export function arbitraryRequest(
  { components }: OpenapiDocument,
  operation: Operation,
  options: { tenantId: string; urls: readonly string[] },
): fc.Arbitrary<RandomRequest> {
  const { schemas } = components;
  // The existing actions must stay.
  const actions = operation.operationId === 'deleteAction' ? [] : ACTIONS;
  const hints = hintsOf({ ...options, actions });
  const wanted = (schema: Json, name: string) => hints(name) ?? arbitraryValue(schema, { schemas, hints });
  const { parameters = [], requestBody } = operation;
  const query = parameters.filter((parameter) => parameter.in === 'query');
  const headers = parameters.filter((parameter) => parameter.in === 'header');

  const pathArbitrary = fc
    .tuple(
      ...parameters
        .filter((parameter) => parameter.in === 'path')
        .map(({ name, schema }) => mostly(wanted(schema, name), oddWord).map((value) => [name, word(value)])),
    )
    .map((entries) => {
      const values = Object.fromEntries(entries) as Record<string, string>;
      return operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encoded(values[name] ?? ''));
    });
  const queryArbitrary = fc
    .tuple(
      ...query.map(({ name, schema, required }) =>
        fc
          .option(mostly(wanted(schema, name), oddText), { freq: required ? 20 : 1, nil: undefined })
          .map((value) => (value === undefined ? '' : `${name}=${encoded(word(value))}`)),
      ),
      fc.oneof(
        { weight: 15, arbitrary: fc.constant('') },
        { weight: 1, arbitrary: oddText.map((text) => `unknown=${encoded(word(text))}`) },
      ),
    )
    .map((parts) => parts.filter((part) => part !== '').join('&'));
  const headerArbitrary = fc
    .tuple(
      ...headers.map(({ name }) =>
        fc.option(headerValue(name), { freq: 1, nil: undefined }).map((value) => [name, value] as const),
      ),
      fc.constantFrom(
        ['accept', undefined] as const,
        ['accept', '*/*'] as const,
        ['accept', 'text/event-stream'] as const,
      ),
    )
    .map(
      (entries) =>
        Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as Record<string, string>,
    );
  const media = requestBody?.content['application/json'];
  const bodyArbitrary = media
    ? body(arbitraryValue(media.schema, { schemas, hints }), exampleOf(media.example ?? {}, hints))
    : fc.constant(NO_BODY);

  return fc
    .record({
      path: pathArbitrary,
      query: queryArbitrary,
      headers: headerArbitrary,
      sent: bodyArbitrary,
      key: fc.constantFrom(...keysOf(operation)),
    })
    .map(({ path, query: text, headers: own, sent, key }) => ({
      operation,
      key,
      body: sent.body,
      path: text === '' ? path : `${path}?${text}`,
      headers: { ...own, ...sent.headers },
    }));
}

const ACTIONS = ['performance_simulation', 'proposal_pdf_generation'];

function keysOf({ security }: Operation): RandomRequest['key'][] {
  if (security.length === 0) return ['none', 'tenant', 'wrong'];
  const right = security.some((each) => 'apiKey' in each) ? 'tenant' : 'admin';
  return [...Array<RandomRequest['key']>(20).fill(right), 'admin', 'tenant', 'wrong', 'none'];
}

/** The document's own example, but with URLs that make the system call nobody else, and with jobs that exist. */
function exampleOf(example: unknown, hints: Hints): fc.Arbitrary<unknown> {
  if (Array.isArray(example)) return fc.tuple(...example.map((item) => exampleOf(item, hints)));
  if (typeof example !== 'object' || example === null) return fc.constant(example);
  const members = Object.entries(example).map(([name, value]) => {
    const hint = name === 'url' || name === 'job_id' ? hints(name) : undefined;
    return [name, hint ?? exampleOf(value, hints)] as const;
  });
  return fc.record(Object.fromEntries(members));
}

function hintsOf(options: { tenantId: string; urls: readonly string[]; actions: readonly string[] }): Hints {
  const { tenantId, urls, actions } = options;
  const known = (name: Known) => fc.nat({ max: 99 }).map((index) => markOf(name, index));
  const hints: Record<string, fc.Arbitrary<unknown>> = {
    ...Object.fromEntries(KNOWN.map((name) => [name, known(name)])),
    tenant_id: fc.constantFrom(...Array(20).fill(tenantId), 'another'),
    url: fc.constantFrom(...urls),
    design_id: fc.constantFrom('e2e', 'e2e', 'd-1', 'd/2 %'),
    signing_secret: fc.constantFrom(`whsec_${'A'.repeat(32)}`, `whsec_${'B'.repeat(32)}`, 'whsec_no'),
    secret_headers: fc.constantFrom(
      {},
      { 'x-secret': 'one' },
      { 'X-Secret': null },
      { host: 'x' },
      { 'a b': 'c' },
    ),
    // Longer waits are tested where they are promised; here each would occupy a connection.
    wait: fc.constantFrom(0, 0, 0, 0, 1),
    name: fc.constantFrom(...actions, 'other'),
    // The jobs that others ask about must stay as they are.
    filter: fc.constantFrom({ action: ['other'] }, { status: ['failed'], metadata: { of: 'nobody' } }),
  };
  return (name) => (Object.hasOwn(hints, name) ? hints[name] : undefined);
}

function mostly(usual: fc.Arbitrary<unknown>, odd: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 9, arbitrary: usual }, { weight: 1, arbitrary: odd });
}

const oddText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom(
    '',
    '-1',
    '1e9',
    '0x10',
    'null',
    '9'.repeat(400),
    "' or 1=1",
    '\u0000',
    '%',
    '../..',
    '\ud800',
  ),
);
/** An empty or dot segment would make another path. */
const oddWord = oddText.filter((text) => text !== '' && !/^\.{1,2}$/.test(text));

function word(value: unknown): string {
  if (Array.isArray(value)) return value.map(word).join(',');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Marks stay readable until they are replaced. */
function encoded(text: string): string {
  return /^\{\{\w+:\d+\}\}$/.test(text) ? text : encodeURIComponent(text.toWellFormed());
}

function headerValue(name: string): fc.Arbitrary<string> {
  const any = fc.stringMatching(/^[\x21-\x7e]{0,40}$/);
  switch (name) {
    case 'Prefer':
      return fc.constantFrom('wait=0', 'wait="1"', 'wait="0"', 'respond-async', 'wait=x', ', ;=');
    case 'Idempotency-Key':
      return fc.oneof(fc.uuid(), fc.constantFrom('"quoted"', 'the same', 'a', '"'), any);
    case 'If-None-Match':
      return fc.constantFrom('*', 'W/"1"', '"x", W/"2"', '"');
    case 'Last-Event-ID':
      return fc.oneof(fc.nat().map(String), any);
    default:
      return any;
  }
}

interface SentBody {
  readonly body: string | undefined;
  readonly headers: Record<string, string>;
}

const NO_BODY: SentBody = { body: undefined, headers: {} };
const JSON_HEADERS = { 'content-type': 'application/json' };

function body(valid: fc.Arbitrary<unknown>, example: fc.Arbitrary<unknown>): fc.Arbitrary<SentBody> {
  const sent = (text: string, headers: Record<string, string> = JSON_HEADERS) => ({ body: text, headers });
  const asJson = (value: unknown) => sent(JSON.stringify(value) ?? 'null');
  return fc.oneof(
    { weight: 7, arbitrary: valid.map(asJson) },
    { weight: 6, arbitrary: example.map(asJson) },
    { weight: 6, arbitrary: fc.oneof(valid, example).chain(mutated).map(asJson) },
    { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 3 }).map(asJson) },
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        ...[
          NO_BODY,
          sent(''),
          sent('{'),
          sent('[]'),
          sent('{}'),
          sent('{}', { 'content-type': 'text/plain' }),
        ],
        ...[
          sent('{}', { ...JSON_HEADERS, 'content-encoding': 'gzip' }),
          sent(`${'{"a":'.repeat(3_000)}1${'}'.repeat(3_000)}`),
        ],
        ...[
          sent('{"__proto__":{"a":1},"constructor":2}'),
          sent('{"a":"\\u0000\\ud800"}'),
          sent('{"_job":null}'),
        ],
        sent('{"_job":{"metadata":{"__proto__":"x","\\u0000":"y"}}}'),
      ),
    },
  );
}

/** A value with one thing wrong somewhere: a missing member, an extra one, or another kind of value. */
function mutated(value: unknown): fc.Arbitrary<unknown> {
  if (typeof value !== 'object' || value === null) return fc.jsonValue({ maxDepth: 1 });
  const keys = Object.keys(value);
  const replaced = (key: string) =>
    fc
      .oneof(mutated((value as Json)[key]), fc.jsonValue({ maxDepth: 1 }))
      .map((other) => (Array.isArray(value) ? value.with(Number(key), other) : { ...value, [key]: other }));
  const added = fc
    .tuple(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 1 }))
    .map(([key, other]) => (Array.isArray(value) ? [...value, other] : { ...value, [key]: other }));
  if (keys.length === 0) return added;
  const removed = fc
    .constantFrom(...keys)
    .map((key) => Object.fromEntries(Object.entries(value).filter(([name]) => name !== key)));
  return fc.oneof(added, Array.isArray(value) ? added : removed, fc.constantFrom(...keys).chain(replaced));
}
