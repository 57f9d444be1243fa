import type { Msg, MsgHdrs } from '@nats-io/transport-node';

/** A message that a durable consumer has delivered, to be settled once. */
export interface Delivery {
  readonly subject: string;
  /** Of the message in its stream. */
  readonly seq: number;
  /** 1 for the first delivery. */
  readonly deliveryCount: number;
  readonly headers: MsgHdrs | undefined;
  readonly data: Uint8Array;
  /** Settles it for good. */
  ack(): void;
  /** Has it delivered again, after a pause in milliseconds or at once. */
  nak(afterMs?: number): void;
  /** Says that somebody is at work on it. */
  working(): void;
}

const encoder = new TextEncoder();
const ACK = encoder.encode('+ACK');
const WORKING = encoder.encode('+WPI');
/** Deliveries of servers with a domain have two tokens more, and one at the end. */
const TOKENS_WITH_DOMAIN = 11;

/**
 * `$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>` is where a delivery is settled,
 * and `$JS.ACK.<domain>.<account>.<stream>.…` with a domain.
 */
export function deliveryOf(message: Msg): Delivery {
  const tokens = (message.reply ?? '').split('.');
  const first = tokens.length >= TOKENS_WITH_DOMAIN ? 6 : 4;
  return {
    subject: message.subject,
    seq: Number(tokens[first + 1]),
    deliveryCount: Number(tokens[first]),
    headers: message.headers,
    data: message.data,
    ack: () => void message.respond(ACK),
    // The server cannot parse a fraction of a millisecond and would deliver at once.
    nak: (afterMs = 0) =>
      void message.respond(encoder.encode(`-NAK {"delay":${Math.round(afterMs) * 1_000_000}}`)),
    working: () => void message.respond(WORKING),
  };
}
