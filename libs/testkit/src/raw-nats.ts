import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';

const TIMEOUT_MS = 2_000;

/**
 * Sends one request over NATS' text protocol and resolves to the JSON of its reply. Rejects when the server is gone,
 * and when nothing replies within 2 s, as during an election. The tests of the servers need no more of a client than
 * this, and it keeps nothing open between requests.
 */
export async function rawNatsRequest(
  url: string,
  subject: string,
  payload: object | string = '',
  headers: Readonly<Record<string, string>> = {},
): Promise<Record<string, unknown>> {
  const body = typeof payload === 'string' ? payload : JSON.stringify(payload);
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error(`no reply to ${subject}`)));
  try {
    await once(socket, 'connect');
    // Other requests may be on their way to the same server.
    const inbox = `_INBOX.raw${randomUUID()}`;
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = `NATS/1.0\r\n${lines.join('')}\r\n`;
    const length = Buffer.byteLength(body);
    // Headers count as a part of a message, which may be as large as the server takes.
    const message =
      lines.length === 0
        ? `PUB ${subject} ${inbox} ${length}\r\n${body}`
        : `HPUB ${subject} ${inbox} ${head.length} ${head.length + length}\r\n${head}${body}`;
    // Where a leader changes, two servers may answer: the first answer counts.
    socket.write(`CONNECT {"verbose":false,"headers":true}\r\nSUB ${inbox} 1\r\nUNSUB 1 1\r\n`);
    socket.write(`${message}\r\n`);
    let received = '';
    for await (const chunk of socket.setEncoding('utf8')) {
      received += chunk;
      const reply = /\r\nH?MSG _INBOX\.raw[-\w]+ 1 [\d ]+\r\n(?:NATS.*\r\n\r\n)?(.*)\r\n/s.exec(
        received,
      )?.[1];
      if (reply !== undefined) return JSON.parse(reply);
    }
    throw new Error(`the server closed the connection before it replied to ${subject}`);
  } finally {
    socket.destroy();
  }
}
