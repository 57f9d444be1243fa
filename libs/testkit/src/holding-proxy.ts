import type { Socket } from 'node:net';
import { type Side, startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

/** A proxy to a local server that keeps back what a test names, frame by frame. */
export interface HoldingProxy extends TcpProxy {
  /** Keeps back the frames of one side that match, from now on. Other frames pass them by. */
  hold(from: Side, matches: (frame: string) => boolean): HeldFrames;
}

/** Frames on hold. Disposed of, they are lost, and no more are kept. */
export interface HeldFrames extends Disposable {
  /** Resolves with the first frame that is kept. */
  readonly caught: Promise<string>;
  /** Sends all that were kept, in their order, and keeps no more. */
  letGo(): void;
}

interface Hold {
  readonly from: Side;
  readonly takes: (frame: string, send: () => void) => boolean;
}

/** `readFrames` tells of each frame that comes from a socket. */
export async function startHoldingProxy(
  serverUrl: string,
  readFrames: (from: Socket, onFrame: (frame: Buffer) => void) => void,
): Promise<HoldingProxy> {
  const holds = new Set<Hold>();
  const proxy = await startTcpProxy(serverUrl, (from, to, side) => {
    readFrames(from, (frame) => {
      const text = frame.toString('latin1');
      const send = () => void (to.destroyed || to.write(frame));
      for (const hold of holds) if (hold.from === side && hold.takes(text, send)) return;
      send();
    });
  });
  return {
    ...proxy,
    hold(from, matches) {
      const { promise: caught, resolve } = Promise.withResolvers<string>();
      const kept: (() => void)[] = [];
      const hold: Hold = {
        from,
        takes(frame, send) {
          if (!matches(frame)) return false;
          kept.push(send);
          resolve(frame);
          return true;
        },
      };
      holds.add(hold);
      const end = () => {
        holds.delete(hold);
        return kept.splice(0);
      };
      return {
        caught,
        letGo() {
          for (const send of end()) send();
        },
        [Symbol.dispose]: () => void end(),
      };
    },
  };
}

/**
 * A proxy to a local Postgres. A frame is what comes at once: of the client a statement with its values, unless they are
 * too many for one packet; of the server its answer.
 */
export function startPostgresProxy(serverUrl: string): Promise<HoldingProxy> {
  return startHoldingProxy(serverUrl, (from, onFrame) => from.on('data', onFrame));
}
