import { hash, randomUUIDv7 } from 'node:crypto';
import { type Bucket, type Bus, LogUnavailable } from '@errand/bus';
import type { IdempotencyRecord } from '@errand/contracts';
import { keyedPlaceOf } from '../actions/action-path.ts';
import type { Caller } from '../http/authenticate.ts';
import { Refusal } from '../http/problem.ts';
import type { JsonBody } from '../http/read-body.ts';
import type { Ctx } from '../http/request-log.ts';

/** A structured string, in which a quote and a backslash are escaped (RFC 9651, 3.3.3). */
const QUOTED = /^"((?:[\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/;
const BARE = /^[\x21\x23-\x7e]+$/;
const MAX_LENGTH = 255;

/**
 * The key in an Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header), or undefined without one. Taken
 * as `"abc"`, which the draft wants, and as `abc`, which many send; the two are the same key.
 * @throws Refusal invalid_input
 */
export function readIdempotencyKey(header: string | null): string | undefined {
  if (header === null) return undefined;
  const sent = header.trim();
  const quoted = QUOTED.exec(sent)?.[1]?.replace(/\\(["\\])/g, '$1');
  const key = quoted ?? (BARE.test(sent) ? sent : '');
  if (key.length >= 1 && key.length <= MAX_LENGTH) return key;
  const detail = 'must be 1-255 visible ASCII characters, bare or as a quoted string';
  throw new Refusal('invalid_input', {
    errors: [{ parameter: 'Idempotency-Key', code: 'format', detail }],
  });
}

/**
 * Under which name the use of a key is recorded: a key means something to one tenant, at one place only, and among the
 * jobs that its API key is for.
 */
export function recordNameOf(use: {
  tenantId: string;
  kind: string;
  place: string;
  key: string;
  metadata?: Readonly<Record<string, string>> | undefined;
}): string {
  const { tenantId, kind, place, key, metadata } = use;
  return hash('sha256', JSON.stringify([tenantId, kind, place, key, ...(metadata ? [metadata] : [])]), 'hex');
}

/** By which a request that is sent again is told from another one. No place has a line break in it. */
export function fingerprintOf(place: string, body: string): string {
  return hash('sha256', `${place}\n${body}`, 'hex');
}

/*
 * A key is recorded, with the id of the job to be, before the job is requested. Whoever comes with the same key later
 * finds the record and looks for its job:
 *
 *   the record is          the job             what follows
 *   of another request     -                   idempotency_key_reused
 *   of this request        is there            the first answer again
 *                          is not, and
 *                            is being requested here, or may be elsewhere   idempotency_in_flight
 *                            the attempt is over, or too old to be going on  it is requested under the recorded id
 *
 * However many gateways request it, the log takes one JobRequested under that id. So a gateway that dies, or that the
 * log does not answer, leaves nothing worse than a record whose job is requested by the next use of its key.
 */

interface KeyedRequest<T> {
  /** Name of the record. */
  readonly name: string;
  readonly fingerprint: string;
  /** Of a batch the places of the items that are refused. */
  readonly refused?: readonly number[];
  /**
   * Throws the Refusal of what could not be requested now, so that no use of a key is recorded for it: the record of each use
   * takes room for days, and so does its removal.
   */
  readonly check?: () => void | Promise<void>;
  /** Requests what is to exist under the record's id. Undefined: another one was first. */
  readonly request: (record: IdempotencyRecord) => Promise<T | undefined>;
  /** Finds what was requested under the record's id. Undefined: it is not there, or not all of it. */
  readonly find: (record: IdempotencyRecord, isUnderWay: boolean) => Promise<T | undefined>;
}

type Findable<T> = Pick<KeyedRequest<T>, 'name' | 'fingerprint' | 'find'>;

export interface Idempotency {
  /**
   * Requests once, and finds what was requested from then on.
   * @throws Refusal idempotency_key_reused, idempotency_in_flight; LogUnavailable
   */
  once<T>(keyed: KeyedRequest<T>): Promise<{ value: T; replayed: boolean }>;
  /**
   * Finds what was requested, and requests nothing. Undefined: nothing was.
   * @throws Refusal idempotency_key_reused, idempotency_in_flight; LogUnavailable
   */
  find<T>(keyed: Findable<T>): Promise<T | undefined>;
}

export interface IdempotencyDeps {
  readonly bus: Pick<Bus, 'isConnected'>;
  readonly records: Bucket<IdempotencyRecord>;
  readonly now: () => number;
  /** The age from which on a record without a job is one that was left behind. */
  readonly takeoverMs: number;
}

/** How many failed attempts are remembered, so that their keys can be used again without waiting. */
const MAX_FAILED = 10_000;

export function createIdempotency(deps: IdempotencyDeps): Idempotency {
  const { bus, records, now } = deps;
  const attempts = createAttempts();

  function assertConnected(): void {
    if (!bus.isConnected()) throw new LogUnavailable('not connected');
  }

  async function claim(name: string, own: IdempotencyRecord): Promise<IdempotencyRecord> {
    assertConnected();
    for (let tries = 0; tries < 3; tries++) {
      if (await records.create(name, own)) return own;
      const stored = await records.get(name);
      if (stored) return stored;
    }
    throw new LogUnavailable("the idempotency key's record keeps changing");
  }

  function isUnderWay(record: IdempotencyRecord): boolean {
    const here = attempts.of(record.job_id);
    if (here) return here === 'under_way';
    return now() - Date.parse(record.created_at) < deps.takeoverMs;
  }

  async function request<T>(
    keyed: KeyedRequest<T>,
    record: IdempotencyRecord,
    isOwn: boolean,
  ): Promise<T | undefined> {
    attempts.begin(record.job_id);
    try {
      const value = await keyed.request(record);
      attempts.forget(record.job_id);
      return value;
    } catch (error) {
      attempts.forget(record.job_id);
      // What was refused for good was never requested, so the key is still unused, unless another gateway took it over.
      const isAlone = isOwn && now() - Date.parse(record.created_at) < deps.takeoverMs / 2;
      if (isAlone && !(error instanceof LogUnavailable)) await records.delete(keyed.name);
      else attempts.fail(record.job_id);
      throw error;
    }
  }

  async function findRecorded<T>(
    { fingerprint, find }: Findable<T>,
    record: IdempotencyRecord,
  ): Promise<T | undefined> {
    if (record.fingerprint !== fingerprint) throw new Refusal('idempotency_key_reused');
    const underWay = isUnderWay(record);
    const found = await find(record, underWay);
    if (found === undefined && underWay) throw new Refusal('idempotency_in_flight');
    return found;
  }

  return {
    async find(keyed) {
      assertConnected();
      const record = await records.get(keyed.name);
      return record && findRecorded(keyed, record);
    },
    async once(keyed) {
      const { name, fingerprint, find, refused } = keyed;
      const refusal = await refusalOf(keyed);
      if (refusal) {
        assertConnected();
        const record = await records.get(name);
        const found = record && (await findRecorded(keyed, record));
        if (found === undefined) throw refusal;
        return { value: found, replayed: true };
      }
      const own = {
        job_id: randomUUIDv7(),
        fingerprint,
        created_at: new Date(now()).toISOString(),
        ...(refused ? { refused: [...refused] } : {}),
      };
      // An acknowledgement that got lost makes one's own record look like another's, so ids are compared.
      const record = await claim(name, own);
      const isOwn = record.job_id === own.job_id;
      if (!isOwn) {
        const found = await findRecorded(keyed, record);
        if (found !== undefined) return { value: found, replayed: true };
      }
      const value = await request(keyed, record, isOwn);
      if (value !== undefined) return { value, replayed: false };
      const found = await find(record, false);
      if (found === undefined) throw new LogUnavailable('a job that was just requested cannot be found');
      return { value: found, replayed: true };
    },
  };
}

async function refusalOf({ check }: Pick<KeyedRequest<unknown>, 'check'>): Promise<Refusal | undefined> {
  try {
    await check?.();
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

/** What this process knows of the ids that it is requesting or has failed to request. */
function createAttempts() {
  /** Oldest first. */
  const known = new Map<string, 'under_way' | 'failed'>();
  return {
    of: (jobId: string) => known.get(jobId),
    begin: (jobId: string) => void known.set(jobId, 'under_way'),
    forget: (jobId: string) => void known.delete(jobId),
    fail(jobId: string): void {
      known.set(jobId, 'failed');
      for (const [id, state] of known) {
        if (known.size <= MAX_FAILED) break;
        if (state === 'failed') known.delete(id);
      }
    },
  };
}

interface ReplayableRequest<B extends JsonBody, T> {
  readonly caller: Caller;
  /** What the request is, since a key means something to one kind only. */
  readonly kind: string;
  readonly readBody: () => Promise<B>;
  /** Checks the request by what holds today, accepts it and answers. `readBody` reads the body once, however often it is called. */
  readonly checkAndAccept: (readBody: () => Promise<B>) => Promise<Response>;
  /** Finds what was requested under a record. */
  readonly find: (record: IdempotencyRecord, body: B, isUnderWay: boolean) => Promise<T | undefined>;
  readonly answerFound: (found: T, body: B) => Response | Promise<Response>;
}

/**
 * Answers a request by what holds today. One that is refused, but was accepted under its Idempotency-Key before, is
 * answered as it was then: contracts change and move, and what was accepted stays so.
 */
export async function answerOrReplay<B extends JsonBody, T>(
  c: Ctx,
  idempotency: Idempotency,
  request: ReplayableRequest<B, T>,
): Promise<Response> {
  let reading: Promise<B> | undefined;
  const readBody = () => {
    reading ??= request.readBody();
    return reading;
  };
  try {
    return await request.checkAndAccept(readBody);
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    const key = readIdempotencyKey(c.req.raw.headers.get('idempotency-key'));
    const body = key === undefined ? undefined : await readBody().catch(() => undefined);
    if (key === undefined || !body) throw refusal;
    const { caller, kind } = request;
    const { tenantId, only } = caller;
    const place = keyedPlaceOf(c.req.raw.url);
    const found = await idempotency.find({
      name: recordNameOf({ tenantId, kind, place, key, metadata: only.metadata }),
      fingerprint: fingerprintOf(place, body.text),
      find: (record, isUnderWay) => request.find(record, body, isUnderWay),
    });
    if (found === undefined) throw refusal;
    return request.answerFound(found, body);
  }
}
