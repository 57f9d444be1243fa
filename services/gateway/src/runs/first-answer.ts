import type { IdempotencyRecord } from '@errand/contracts';
import { keyedPlaceOf } from '../actions/action-path.ts';
import { Refusal } from '../http/problem.ts';
import type { JsonBody } from '../http/read-body.ts';
import type { Ctx } from '../http/request-log.ts';
import type { Idempotency } from './idempotency.ts';
import { fingerprintOf, readIdempotencyKey, recordNameOf } from './idempotency-key.ts';

interface JudgedRequest<B extends JsonBody, T> {
  readonly tenantId: string;
  /** What the request is, since a key means something to one kind only. */
  readonly kind: string;
  readonly readBody: () => Promise<B>;
  /** Answers the request by what holds today. Its `readBody` reads the body once, however often it is called. */
  readonly judge: (readBody: () => Promise<B>) => Promise<Response>;
  /** Finds what was requested under a record. */
  readonly find: (record: IdempotencyRecord, body: B, isUnderWay: boolean) => Promise<T | undefined>;
  readonly answerFound: (found: T, body: B) => Response | Promise<Response>;
}

/**
 * Answers a request as it is judged today. One that is refused, but was accepted under its Idempotency-Key before, is
 * answered as it was then: contracts change and move, and what was accepted stays so.
 */
export async function answerOrReplay<B extends JsonBody, T>(
  c: Ctx,
  idempotency: Idempotency,
  request: JudgedRequest<B, T>,
): Promise<Response> {
  let reading: Promise<B> | undefined;
  const readBody = () => {
    reading ??= request.readBody();
    return reading;
  };
  try {
    return await request.judge(readBody);
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    const key = readIdempotencyKey(c.req.raw.headers.get('idempotency-key'));
    const body = key === undefined ? undefined : await readBody().catch(() => undefined);
    if (key === undefined || !body) throw refusal;
    const { tenantId, kind } = request;
    const place = keyedPlaceOf(c.req.raw.url);
    const found = await idempotency.find({
      name: recordNameOf({ tenantId, kind, place, key }),
      fingerprint: fingerprintOf(place, body.text),
      find: (record, isUnderWay) => request.find(record, body, isUnderWay),
    });
    if (found === undefined) throw refusal;
    return request.answerFound(found, body);
  }
}
