import { subscribe } from 'node:diagnostics_channel';
import type { Duplex } from 'node:stream';

/*
 * A client has to accept an unrequested `100 Continue` before an answer (RFC 9110, 15.2), but undici drops the
 * connection. This channel announces each socket on which a request is about to be written, and `read` supplies the
 * answer's bytes, which begin with the head of an answer: from there the `100 Continue`s are removed.
 */

const SENDING = 'undici:client:sendHeaders';
const STATUS = Buffer.from('HTTP/1.1 100');
const END = '\r\n\r\n';
/** At most this much is removed before one answer; beyond that undici handles it its own way. */
const MAX_BYTES = 16_384;

interface Reading {
  /** True while nothing of the answer itself has come yet. */
  isAtHead: boolean;
  /** Bytes received that may begin a `100 Continue`. */
  held: Buffer;
  taken: number;
}

const readings = new WeakMap<Duplex, Reading>();
let isOn = false;

/** Makes all undici clients in this process accept `100 Continue`. May be called any number of times. */
export function acceptContinue(): void {
  if (isOn) return;
  isOn = true;
  subscribe(SENDING, (message) => expectHead((message as { socket: Duplex }).socket));
}

function expectHead(socket: Duplex): void {
  const known = readings.get(socket);
  const reading = known ?? { isAtHead: true, held: Buffer.alloc(0), taken: 0 };
  Object.assign(reading, { isAtHead: true, held: Buffer.alloc(0), taken: 0 });
  if (known) return;
  readings.set(socket, reading);
  const read = socket.read.bind(socket);
  socket.read = (size?: number): Buffer | null => {
    for (;;) {
      const chunk = read(size) as Buffer | null;
      if (chunk === null || !reading.isAtHead) return chunk;
      const rest = withoutContinue(reading, chunk);
      if (rest.length > 0) return rest;
    }
  };
}

/** The part that belongs to the answer itself. */
function withoutContinue(reading: Reading, chunk: Buffer): Buffer {
  let bytes = Buffer.concat([reading.held, chunk]);
  reading.held = Buffer.alloc(0);
  while (beginsLike(bytes) && reading.taken + bytes.length <= MAX_BYTES) {
    const end = bytes.indexOf(END);
    if (bytes.length < STATUS.length || end < 0) {
      reading.held = bytes;
      return Buffer.alloc(0);
    }
    reading.taken += end + END.length;
    bytes = bytes.subarray(end + END.length);
    if (bytes.length === 0) return bytes;
  }
  reading.isAtHead = false;
  return bytes;
}

/** Whether this begins a `100 Continue`, or may become one. */
function beginsLike(bytes: Buffer): boolean {
  const length = Math.min(bytes.length, STATUS.length);
  return bytes.subarray(0, length).equals(STATUS.subarray(0, length));
}
