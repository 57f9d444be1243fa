import { setMaxListeners } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Refusal } from '../http/problem.ts';
import { type Ctx, untilAnswered } from '../http/request-log.ts';
import type { FairShare } from './fair-share.ts';
import { createKeyUsage, type KeyUsageView } from './key-usage.ts';
import { createPace } from './pace.ts';
import { createRefusalPace } from './refusal-pace.ts';

/** The requests under way by the keys they came with, from their authentication to the end of their answers. */
export interface KeyRequests {
  /**
   * Handles a request as one of its key. `c.env.keyGone` is aborted when the key is deleted or has ended, for those who wait.
   * @throws Refusal too_many_requests; unauthorized for a read whose key was deleted meanwhile
   */
  handle(c: Ctx, key: KeyInUse, handler: () => Response | Promise<Response>): Promise<Response>;
  /** Counts a request of a key that was refused before it was looked at. */
  addRefused(keyId: string): void;
  /** How many open connections have brought a key. */
  connections(): number;
  /** Ends what goes on with a key, or of a session: waits are woken, and answers that are being sent are cut off. */
  end(id: string): void;
  /** What the keys have cost lately. */
  report(): KeyUsageView;
}

interface KeyInUse {
  readonly keyId: string;
  /** The session of it that the request is of. */
  readonly sessionId: string | undefined;
  /** For how many milliseconds what was sent is still valid. */
  readonly lifeMs: number;
}

interface KeyRequest {
  readonly outgoing: ServerResponse | undefined;
  isAnswered: boolean;
}

interface UseOfKey {
  readonly gone: AbortController;
  readonly open: Set<KeyRequest>;
}

/** Work that keeps the process from others, for a caller who costs most: one part of it, so many parts of rest. */
const REST = 30;
/** The longest time of a timer; no request lasts so long. */
const MOST_TIMED_MS = 2 ** 31 - 1;
/** What callers with one key may leave unread. */
const MAX_UNREAD_BYTES = 67_108_864;
/** Answers to those who ask for too much. */
const TOO_MUCH = new Set<string | undefined>(['too_many_requests', 'too_many_reads', 'overloaded']);
/** Answers to those who have reached a limit of their tenant. */
const AT_LIMIT = new Set<string>([
  'too_many_runs',
  'too_many_queued',
  'too_many_log_bytes',
  'too_many_payload_bytes',
  'too_many_status_requests',
]);

export function createKeyRequests(options: {
  maxPerKey: number;
  /** Told what the requests of each key have cost. */
  share: FairShare;
  /** Whose a key is. */
  describe: (keyId: string) => { tenant_id: string; name: string };
  /** The wall clock, in ms. */
  now: () => number;
}): KeyRequests {
  const { maxPerKey, describe, share } = options;
  const pace = createPace(share, REST);
  const usage = createKeyUsage(options.now);
  const uses = new Map<string, UseOfKey>();
  const sessions = new Map<string, UseOfKey>();
  const connections = new Set<Socket>();

  function addConnection(socket: Socket | null | undefined): void {
    if (!socket || socket.destroyed || connections.has(socket)) return;
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  }

  const delayOf = createRefusalPace();

  /** A refusal at a limit comes later to a caller that does not wait by itself. */
  async function paced(keyId: string, handler: () => Response | Promise<Response>): Promise<Response> {
    try {
      return await handler();
    } catch (error) {
      const delayMs = error instanceof Refusal && AT_LIMIT.has(error.code) ? delayOf(keyId) : 0;
      if (delayMs > 0) await pause(delayMs, undefined, { ref: false });
      throw error;
    }
  }

  const addRefused = (keyId: string) => usage.add(keyId, { requests: 1, refused: 1 });

  return {
    addRefused,
    connections: () => connections.size,
    handle(c, { keyId, sessionId, lifeMs }, handler) {
      const outgoing = c.env.wire?.outgoing;
      addConnection(outgoing?.req.socket);
      const use = useIn(uses, keyId);
      const session = sessionId === undefined ? undefined : useIn(sessions, sessionId);
      const { open, gone } = use;
      if (open.size >= maxPerKey || unreadBytes(open) > MAX_UNREAD_BYTES) {
        addRefused(keyId);
        throw new Refusal('too_many_requests');
      }
      const request: KeyRequest = { outgoing, isAnswered: false };
      open.add(request);
      session?.open.add(request);
      c.env.pace = (work) => pace(keyId, work);
      const ended = lifeMs < MOST_TIMED_MS ? new AbortController() : undefined;
      const timer = ended && setTimeout(end, lifeMs).unref();
      function end() {
        ended?.abort();
        if (request.isAnswered) outgoing?.destroy();
      }
      const ends = [session?.gone.signal, ended?.signal].filter((signal) => signal !== undefined);
      c.env.keyGone = ends.length > 0 ? AbortSignal.any([gone.signal, ...ends]) : gone.signal;
      const answer = async () => {
        const response = await paced(keyId, handler);
        if (c.env.keyGone?.aborted && (c.req.method === 'GET' || c.req.method === 'HEAD')) {
          void response.body?.cancel();
          throw new Refusal('unauthorized');
        }
        request.isAnswered = true;
        return response;
      };
      return untilAnswered(c, answer, () => {
        clearTimeout(timer);
        open.delete(request);
        const { busyMs: busy_ms, readMs: read_ms, code } = c.env;
        share.add(keyId, busy_ms);
        const refused = Number(TOO_MUCH.has(code));
        usage.add(keyId, { requests: 1, refused, busy_ms, read_ms, ...usage.bytesOf(outgoing) });
        session?.open.delete(request);
        forgetIdle(uses, keyId, use);
        if (sessionId !== undefined && session) forgetIdle(sessions, sessionId, session);
      });
    },
    report() {
      const underWay = [...uses].map(
        ([keyId, { open }]) => [keyId, [...open].map(({ outgoing }) => outgoing)] as const,
      );
      return usage.report(new Map(underWay), describe);
    },
    end(id) {
      const known = uses.has(id) ? uses : sessions;
      const use = known.get(id);
      if (!use) return;
      known.delete(id);
      use.gone.abort();
      for (const { isAnswered, outgoing } of use.open) if (isAnswered) outgoing?.destroy();
    },
  };
}

function forgetIdle(uses: Map<string, UseOfKey>, id: string, use: UseOfKey): void {
  if (use.open.size === 0 && uses.get(id) === use) uses.delete(id);
}

function useIn(uses: Map<string, UseOfKey>, id: string): UseOfKey {
  const known = uses.get(id);
  if (known) return known;
  const use: UseOfKey = { gone: new AbortController(), open: new Set() };
  setMaxListeners(0, use.gone.signal);
  uses.set(id, use);
  return use;
}

function unreadBytes(open: ReadonlySet<KeyRequest>): number {
  let bytes = 0;
  for (const { outgoing } of open) bytes += outgoing?.writableLength ?? 0;
  return bytes;
}
