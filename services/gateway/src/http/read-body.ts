import { flawsOfJson, type InputError } from '@errand/contracts';
import { Refusal } from './problem.ts';
import { busy, type Ctx } from './request-log.ts';

export interface BodyLimits {
  readonly maxBodyBytes: number;
  readonly bodyTimeoutMs: number;
}

/** For handlers that read bodies. */
export interface HttpGroup {
  readonly http: BodyLimits;
}

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;
/** RFC 8259, 8.1: JSON between systems is UTF-8. */
const OTHER_CHARSET = /;\s*charset\s*=(?!\s*"?utf-8"?\s*(?:;|$))/i;
/** From here on reading a body keeps the process for longer than a request usually does. */
const LARGE_BYTES = 65_536;
/** Drops a byte order mark, and refuses what is not UTF-8. */
const utf8 = new TextDecoder('utf-8', { fatal: true });

export interface JsonBody {
  readonly body: Record<string, unknown>;
  /** The JSON as it came, without a byte order mark. */
  readonly text: string;
}

/**
 * A request's body as a JSON object, which holds nothing that could not be given back as it came.
 * @throws Refusal unsupported_media_type, too_large, slow_body, incomplete_body, not_utf8, invalid_json, not_an_object,
 * nested_too_deeply, invalid_input
 */
export async function readJsonObject(c: Ctx, limits: BodyLimits): Promise<JsonBody> {
  const { flaws, ...read } = await readFlawedJsonObject(c, limits);
  assertFlawless(flaws);
  return read;
}

/** @throws Refusal nested_too_deeply, invalid_input */
export function assertFlawless(flaws: readonly InputError[]): void {
  if (flaws.length > 0) throw refusalOfFlaws(flaws);
}

/** How a body with flaws is refused. */
export function refusalOfFlaws(flaws: readonly InputError[]): Refusal {
  const tooDeep = flaws.find(({ code }) => code === 'nested_too_deeply');
  return tooDeep
    ? new Refusal('nested_too_deeply', { errors: [tooDeep] })
    : new Refusal('invalid_input', { errors: flaws });
}

/** The same for a body whose parts are judged one by one: at most MAX_JSON_FLAWS of its flaws come with it. */
export async function readFlawedJsonObject(
  c: Ctx,
  limits: BodyLimits,
): Promise<JsonBody & { flaws: InputError[] }> {
  assertJson(c.req.raw.headers);
  const bytes = await readBytes(c.req.raw, limits);
  const read = () =>
    busy(c, () => {
      const text = decode(bytes);
      const body = parse(text);
      if (!isObject(body)) throw new Refusal('not_an_object');
      return { body, text, flaws: flawsOfJson(text, body) };
    });
  return bytes.length > LARGE_BYTES && c.env.pace ? c.env.pace(read) : read();
}

/** @throws Refusal unsupported_media_type */
export function assertJson(headers: Headers): void {
  const type = headers.get('content-type') ?? '';
  const encoding = headers.get('content-encoding');
  if (!JSON_TYPE.test(type) || OTHER_CHARSET.test(type) || (encoding && encoding !== 'identity')) {
    throw new Refusal('unsupported_media_type');
  }
}

/** The same for requests that need no body: one that is empty counts as an empty object. */
export async function readOptionalJsonObject(c: Ctx, limits: BodyLimits): Promise<JsonBody> {
  const { headers } = c.req.raw;
  const length = headers.get('content-length') ?? (headers.has('transfer-encoding') ? 'unknown' : '0');
  return length === '0' ? { body: {}, text: '' } : readJsonObject(c, limits);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @throws Refusal too_large, slow_body, incomplete_body */
export async function readBytes(request: Request, limits: BodyLimits): Promise<Uint8Array> {
  const length = request.headers.get('content-length');
  if (Number(length) > limits.maxBodyBytes) throw tooLarge(limits);
  const slow = Promise.withResolvers<never>();
  const timer = setTimeout(() => slow.reject(new Refusal('slow_body')), limits.bodyTimeoutMs);
  try {
    // The parser holds a sender to its content-length; without one the bytes have to be counted.
    const reading = length === null ? readCounted(request, limits) : request.bytes();
    return await Promise.race([reading, slow.promise]);
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal('incomplete_body');
  } finally {
    clearTimeout(timer);
  }
}

async function readCounted(request: Request, limits: BodyLimits): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const reader = request.body?.getReader();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes += value.length;
    if (bytes > limits.maxBodyBytes) {
      reader.cancel().catch(() => {});
      throw tooLarge(limits);
    }
    chunks.push(value);
  }
  return Buffer.concat(chunks);
}

/** @throws Refusal not_utf8 */
export function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new Refusal('not_utf8');
  }
}

/** @throws Refusal invalid_json */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal('invalid_json');
  }
}

function tooLarge(limits: BodyLimits): Refusal {
  return new Refusal('too_large', { detail: `The body may have at most ${limits.maxBodyBytes} bytes.` });
}
