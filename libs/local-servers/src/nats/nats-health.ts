import { connect } from 'node:net';
import { type NatsPasswords, SERVICES_USER, SYSTEM_USER } from './nats-config.ts';

const TIMEOUT_MS = 5_000;
const MAX_SAID = 300;
const INBOX = '_INBOX.errand-health';

/**
 * What keeps a server from storing, undefined if nothing does. After a full disk it stays alive, even once there is
 * room again: with JetStream off, or with single streams that accept nothing until it is restarted. The first is
 * checked as a client would; the second is known only to the server's own account.
 */
export async function natsTrouble(server: {
  port: number;
  passwords: NatsPasswords;
  timeoutMs?: number;
}): Promise<string | undefined> {
  const { port, passwords, timeoutMs = TIMEOUT_MS } = server;
  const services = { user: SERVICES_USER, pass: passwords.services };
  const system = { user: SYSTEM_USER, pass: passwords.system };
  return (
    (await ask({ port, timeoutMs, login: services, subject: '$JS.API.INFO' })) ??
    (await ask({ port, timeoutMs, login: system, subject: '$SYS.REQ.SERVER.PING.HEALTHZ' }))
  );
}

/** What is wrong according to the answer, or why there was none. */
function ask(question: {
  port: number;
  timeoutMs: number;
  login: { user: string; pass: string };
  subject: string;
}): Promise<string | undefined> {
  const { port, timeoutMs, login, subject } = question;
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const socket = connect({ host: '127.0.0.1', port });
  let heard = '';
  const end = (trouble: string | undefined) => {
    socket.destroy();
    resolve(trouble);
  };
  socket.setTimeout(timeoutMs, () => end(`it did not answer within ${timeoutMs / 1_000} s`));
  socket.on('error', (error) => end(error.message));
  socket.on('close', () => end('it closed the connection'));
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    const greeted = heard.includes('\r\n');
    heard += chunk;
    if (!greeted && heard.includes('\r\n')) socket.write(lines(login, subject));
    const refusal = /^-ERR '([^']*)'/m.exec(heard)?.[1];
    if (refusal !== undefined) return end(refusal);
    const answer = answerIn(heard);
    if (answer !== undefined) end(troubleIn(answer));
  });
  return promise;
}

function lines(login: { user: string; pass: string }, subject: string): string {
  const options = {
    verbose: false,
    headers: true,
    no_responders: true,
    lang: 'errand',
    version: '1',
    ...login,
  };
  return `CONNECT ${JSON.stringify(options)}\r\nSUB ${INBOX} 1\r\nPUB ${subject} ${INBOX} 0\r\n\r\n`;
}

/** The first complete message, headers included. */
function answerIn(heard: string): string | undefined {
  const [line, ...sizes] = /^H?MSG \S+ 1 +(?:\d+ +)?(\d+)\r\n/m.exec(heard) ?? [];
  if (line === undefined) return undefined;
  const body = heard.slice(heard.indexOf(line) + line.length);
  return Buffer.byteLength(body) >= Number(sizes[0]) ? body : undefined;
}

function troubleIn(answer: string): string | undefined {
  if (/^NATS\/1\.0 503/.test(answer)) return 'JetStream is off';
  const refused = /"error":\{[^}]*"description":"([^"]*)"/.exec(answer)?.[1];
  const isWell = /"status":"ok"/.test(answer) || !/"status_code":/.test(answer);
  return (
    refused ?? (isWell ? undefined : (/"error":"([^"]*)"/.exec(answer)?.[1] ?? answer).slice(0, MAX_SAID))
  );
}
