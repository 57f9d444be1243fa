import { Refusal } from '../problem.ts';
import type { Ctx } from './exchange.ts';

export interface BodyLimits {
  readonly maxBodyBytes: number;
  readonly bodyTimeoutMs: number;
}

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;

export interface JsonBody {
  readonly body: Record<string, unknown>;
  /** The JSON as it came. */
  readonly text: string;
}

/**
 * A request's body as a JSON object.
 * @throws Refusal unsupported_media_type, too_large, slow_body, incomplete_body, invalid_json, not_an_object
 */
export async function readJsonObject(c: Ctx, limits: BodyLimits): Promise<JsonBody> {
  const { headers } = c.req.raw;
  const encoding = headers.get('content-encoding');
  if (!JSON_TYPE.test(headers.get('content-type') ?? '') || (encoding && encoding !== 'identity')) {
    throw new Refusal('unsupported_media_type');
  }
  const text = await readText(c.req.raw, limits);
  const body = parse(text);
  if (!isObject(body)) throw new Refusal('not_an_object');
  return { body, text };
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

async function readText(request: Request, limits: BodyLimits): Promise<string> {
  const length = request.headers.get('content-length');
  if (Number(length) > limits.maxBodyBytes) throw tooLarge(limits);
  const slow = Promise.withResolvers<never>();
  const timer = setTimeout(() => slow.reject(new Refusal('slow_body')), limits.bodyTimeoutMs);
  try {
    // The parser holds a sender to its content-length; without one the bytes have to be counted.
    const reading = length === null ? readCounted(request, limits) : request.text();
    return await Promise.race([reading, slow.promise]);
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal('incomplete_body');
  } finally {
    clearTimeout(timer);
  }
}

async function readCounted(request: Request, limits: BodyLimits): Promise<string> {
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
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal('invalid_json');
  }
}

function tooLarge(limits: BodyLimits): Refusal {
  return new Refusal('too_large', { detail: `The body may have at most ${limits.maxBodyBytes} bytes.` });
}
