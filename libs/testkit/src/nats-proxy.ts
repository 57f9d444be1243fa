import type { Socket } from 'node:net';
import { type Side, startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

/** A proxy to a local NATS server that keeps back what a test names, frame by frame of the protocol. */
export interface NatsProxy extends TcpProxy {
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

export async function startNatsProxy(serverUrl: string): Promise<NatsProxy> {
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

const LINE_END = '\r\n';
/** A control line that says how long the payload behind it is. */
const WITH_PAYLOAD = /^H?(?:PUB|MSG) .* (\d+)$/i;

function readFrames(from: Socket, onFrame: (frame: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  from.on('data', (bytes: Buffer) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    for (;;) {
      const lineEnd = rest.indexOf(LINE_END);
      if (lineEnd === -1) return;
      const payload = WITH_PAYLOAD.exec(rest.toString('latin1', 0, lineEnd))?.[1];
      const line = lineEnd + LINE_END.length;
      const size = payload === undefined ? line : line + Number(payload) + LINE_END.length;
      if (rest.length < size) return;
      onFrame(rest.subarray(0, size));
      rest = rest.subarray(size);
    }
  });
}
