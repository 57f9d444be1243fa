/*
 * Receivers that do to a sender what HTTP allows, and what it does not, byte by byte over TCP. They have their own
 * process, since some write as fast as they can.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';

const DRIP_MS = 50;
const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`;
const CHUNK = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(65_536), Buffer.from('\r\n')]);
const BOMB = gzipSync(Buffer.alloc(50_000_000));

/** What is done to a connection once it has sent a request, by the name of the attack. */
const ATTACKS: Record<string, (socket: Socket) => void> = {
  'header drip': (socket) => drip(socket, OK, 'x-drip: 1\r\n'),
  'body drip': (socket) => drip(socket, CHUNKED, '1\r\n.\r\n'),
  'endless body': (socket) => flood(socket, CHUNKED, CHUNK),
  'gzip bomb': (socket) => {
    socket.write(`${OK}content-encoding: gzip\r\ncontent-length: ${BOMB.length}\r\n\r\n`);
    socket.write(BOMB);
  },
  '1 MB header': (socket) =>
    socket.write(`${OK}x-big: ${'a'.repeat(1_000_000)}\r\ncontent-length: 0\r\n\r\n`),
  'endless headers': (socket) => flood(socket, OK, Buffer.from('x-more: 1\r\n'.repeat(1_000))),
  'reset mid-body': (socket) => {
    socket.write(`${OK}content-length: 1000\r\n\r\nsome`, () => socket.resetAndDestroy());
  },
  '1xx flood': (socket) => flood(socket, '', Buffer.from('HTTP/1.1 102 Processing\r\n\r\n'.repeat(500))),
  '1xx drip': (socket) => drip(socket, '', 'HTTP/1.1 102 Processing\r\n\r\n'),
  '204 with body': (socket) => socket.write('HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nhello'),
  'not HTTP': (socket) => socket.write('SSH-2.0-OpenSSH_9.6\r\n'),
  silence: () => {},
};

const ports = Object.entries(ATTACKS).map(async ([name, attack]) => [name, await listen(attack)]);
process.send?.(Object.fromEntries(await Promise.all(ports)));
process.once('disconnect', () => process.exit());

async function listen(attack: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', () => attack(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function drip(socket: Socket, head: string, rest: string): void {
  socket.write(head);
  let sent = 0;
  const timer = setInterval(() => socket.write(rest[sent++ % rest.length] ?? ''), DRIP_MS);
  socket.once('close', () => clearInterval(timer));
}

/** Sends endlessly, as fast as the other side reads. */
function flood(socket: Socket, head: string, rest: Buffer): void {
  socket.write(head);
  const pour = () => {
    while (!socket.destroyed && socket.write(rest));
  };
  socket.on('drain', pour);
  pour();
}
