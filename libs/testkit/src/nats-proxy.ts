import type { Socket } from 'node:net';
import { type HoldingProxy, startHoldingProxy } from './holding-proxy.ts';

/** A proxy to a local NATS server; a frame is one of its protocol. */
export function startNatsProxy(serverUrl: string): Promise<HoldingProxy> {
  return startHoldingProxy(serverUrl, readFrames);
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
