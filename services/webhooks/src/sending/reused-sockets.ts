import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import type { buildConnector } from 'undici';

/*
 * An endpoint may close an idle connection just as a request is on its way over it. Then it has not
 * seen the request, which may be sent again. This is so if the connection had carried an answer before and was closed
 * without another byte. Only this channel of undici says which socket a request is written to.
 */

const SENDING = 'undici:client:sendHeaders';
/** How a connection that is closed shows. */
const CLOSED_CODES: readonly unknown[] = ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'];

export interface ReusedSockets {
  /** Makes connections as the given connector does, and keeps an eye on them. */
  readonly connect: buildConnector.connector;
  /** Whether a request failed with this error because its connection was used before and closed meanwhile. */
  wasClosed(error: unknown): boolean;
  stop(): void;
}

export function watchReusedSockets(connect: buildConnector.connector): ReusedSockets {
  /** Bytes that a socket had read when the last request was written to it. */
  const readBefore = new WeakMap<Socket, number>();
  const closings = new WeakSet<object>();
  const onSending = (message: unknown) => {
    const { socket } = message as { socket: Socket };
    readBefore.set(socket, socket.bytesRead);
  };
  subscribe(SENDING, onSending);
  return {
    connect(target, callback) {
      connect(target, (...result) => {
        const [, socket] = result;
        socket?.on('error', (error: Error & { code?: unknown }) => {
          const bytes = readBefore.get(socket) ?? 0;
          const reused = bytes > 0 && socket.bytesRead === bytes;
          if (reused && CLOSED_CODES.includes(error.code)) closings.add(error);
        });
        callback(...result);
      });
    },
    wasClosed: (error) => typeof error === 'object' && error !== null && closings.has(error),
    stop: () => unsubscribe(SENDING, onSending),
  };
}
