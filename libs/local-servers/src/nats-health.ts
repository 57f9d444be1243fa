import { connect } from 'node:net';

const TIMEOUT_MS = 5_000;
const MAX_SAID = 300;
const INBOX = '_INBOX.errand-health';

/**
 * What keeps a server from storing, undefined if nothing does. After a full disk it lives on, also once there is room
 * again: with JetStream off, or with single streams that take nothing until it is started anew. The first is asked for as
 * a client would, since the monitor may be gone then; the second is known to the monitor only.
 */
export async function natsTrouble(server: {
  port: number;
  monitorUrl: string;
  timeoutMs?: number;
}): Promise<string | undefined> {
  const { port, monitorUrl, timeoutMs = TIMEOUT_MS } = server;
  return (await jetStreamTrouble(port, timeoutMs)) ?? (await monitorTrouble(monitorUrl, timeoutMs));
}

async function monitorTrouble(monitorUrl: string, timeoutMs: number): Promise<string | undefined> {
  try {
    const response = await fetch(`${monitorUrl}/healthz`, { signal: AbortSignal.timeout(timeoutMs) });
    const body = await response.text();
    return response.ok ? undefined : body.slice(0, MAX_SAID);
  } catch {
    return undefined;
  }
}

function jetStreamTrouble(port: number, timeoutMs: number): Promise<string | undefined> {
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
    if (!greeted && heard.includes('\r\n')) socket.write(question());
    const answer = answerIn(heard);
    if (answer !== undefined) end(troubleIn(answer));
  });
  return promise;
}

function question(): string {
  const options = JSON.stringify({
    verbose: false,
    headers: true,
    no_responders: true,
    lang: 'errand',
    version: '1',
  });
  return `CONNECT ${options}\r\nSUB ${INBOX} 1\r\nPUB $JS.API.INFO ${INBOX} 0\r\n\r\n`;
}

/** The first message that came whole, headers included. */
function answerIn(heard: string): string | undefined {
  const [line, ...sizes] = /^H?MSG \S+ 1 (?:\d+ )?(\d+)\r\n/m.exec(heard) ?? [];
  if (line === undefined) return undefined;
  const body = heard.slice(heard.indexOf(line) + line.length);
  return Buffer.byteLength(body) >= Number(sizes[0]) ? body : undefined;
}

function troubleIn(answer: string): string | undefined {
  if (/^NATS\/1\.0 503/.test(answer)) return 'JetStream is off';
  return /"error":\{[^}]*"description":"([^"]*)"/.exec(answer)?.[1];
}
