import { setMaxListeners } from 'node:events';
import type { Ctx } from './middleware/exchange.ts';
import { Refusal } from './problem.ts';

/** The requests under way by the keys they came with, from their authentication to the end of their answers. */
export interface KeyRequests {
  /**
   * Handles a request as one of its key. `c.env.keyGone` is aborted when the key is deleted, for those who wait.
   * @throws Refusal too_many_requests; unauthorized for a read whose key was deleted meanwhile
   */
  handle(c: Ctx, keyId: string, handler: () => Response | Promise<Response>): Promise<Response>;
  /** Ends what goes on with a key: waits are woken, and answers that are being sent are cut off. */
  end(keyId: string): void;
}

interface UseOfKey {
  readonly gone: AbortController;
  readonly open: Set<{ cutOff: (() => void) | undefined }>;
}

export function createKeyRequests(maxPerKey: number): KeyRequests {
  const uses = new Map<string, UseOfKey>();

  function useOf(keyId: string): UseOfKey {
    const known = uses.get(keyId);
    if (known) return known;
    const use: UseOfKey = { gone: new AbortController(), open: new Set() };
    setMaxListeners(0, use.gone.signal);
    uses.set(keyId, use);
    return use;
  }

  return {
    async handle(c, keyId, handler) {
      const use = useOf(keyId);
      if (use.open.size >= maxPerKey) throw new Refusal('too_many_requests');
      const { signal } = use.gone;
      const outgoing = c.env.wire?.outgoing;
      const request: { cutOff: (() => void) | undefined } = { cutOff: undefined };
      use.open.add(request);
      c.env.keyGone = signal;
      const leave = () => {
        use.open.delete(request);
        if (use.open.size === 0 && uses.get(keyId) === use) uses.delete(keyId);
      };
      outgoing?.once('close', leave);
      try {
        const response = await handler();
        if (signal.aborted && (c.req.method === 'GET' || c.req.method === 'HEAD')) {
          void response.body?.cancel();
          throw new Refusal('unauthorized');
        }
        request.cutOff = () => outgoing?.destroy();
        return response;
      } finally {
        if (!outgoing || outgoing.closed) leave();
      }
    },
    end(keyId) {
      const use = uses.get(keyId);
      if (!use) return;
      uses.delete(keyId);
      use.gone.abort();
      for (const { cutOff } of use.open) cutOff?.();
    },
  };
}
