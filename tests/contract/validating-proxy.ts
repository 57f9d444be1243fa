import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { waitUntil } from '@errand/testkit';
import { startPrism, violationsOf } from './start-prism.ts';
import { addDocument } from './tools.ts';

/** Where callers are to send requests, and how to end it. */
export interface Front extends AsyncDisposable {
  readonly url: string;
}

/** Whether callers of the gateway are put behind an independent validator; set by `node tools/test.ts validated`. */
const isWanted = process.env.ERRAND_E2E_VALIDATED === 'true';

/** The actions that the document must list before it is used. */
type Actions = readonly string[];

/**
 * The gateway at `upstream`, behind Prism if that is wanted. Disposing rejects with every answer that is not what
 * /openapi.json promises. Prism buffers whole answers and treats them all as text, so streams, downloads and
 * browser-only requests bypass it, and are counted as such.
 */
export async function validated(upstream: string, actions: Actions): Promise<Front> {
  if (!isWanted) return { url: upstream, [Symbol.asyncDispose]: async () => {} };
  await using starting = new AsyncDisposableStack();
  const prism = starting.use(
    await startPrism(await addDocument(await documentWith(upstream, actions)), upstream),
  );
  const seen = { validated: 0, unknown: 0, past: 0, violations: [] as string[] };
  const server = createServer((asked, answer) => {
    const isPast = goesPast(asked);
    seen[isPast ? 'past' : 'validated'] += 1;
    pass(asked, answer, isPast ? upstream : prism.url, (status, found) => {
      if (status === 404 && found.some(isUnknownRoute)) seen.unknown += 1;
      else
        seen.violations.push(
          ...found.map((each) => `${asked.method} ${asked.url} ${status}: ${JSON.stringify(each)}`),
        );
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  starting.defer(() => void server.closeAllConnections());
  starting.defer(() => void server.close());
  const owned = starting.move();
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      await owned.disposeAsync();
      console.log('behind the validator', { ...seen, violations: seen.violations.length });
      if (seen.violations.length > 0) throw new Error(`not as documented:\n${seen.violations.join('\n')}`);
      if (seen.validated === 0) throw new Error('no call went through the validator');
    },
  };
}

function documentWith(upstream: string, actions: Actions): Promise<string> {
  return waitUntil(async () => {
    const text = await (await fetch(`${upstream}/openapi.json`)).text();
    return actions.every((action) => text.includes(`/${action}/run`)) ? text : undefined;
  });
}

/** Routes unknown to the document, such as an action with a mistake in its name, must not be found. */
function isUnknownRoute(violation: unknown): boolean {
  return (violation as { message?: string }).message === 'Selected route not found';
}

function goesPast({ method, url = '', headers }: IncomingMessage): boolean {
  return (
    method === 'OPTIONS' ||
    headers.accept?.includes('text/event-stream') === true ||
    /\/result(\?|$)/.test(url)
  );
}

function pass(
  asked: IncomingMessage,
  answer: ServerResponse,
  target: string,
  told: (status: number, violations: unknown[]) => void,
): void {
  const { method, url = '', headers } = asked;
  const onward = request(target + url, { method, headers: { ...headers, host: new URL(target).host } });
  onward.on('response', (got) => {
    told(got.statusCode ?? 0, violationsOf(got.headers));
    answer.writeHead(got.statusCode ?? 502, got.headers);
    pipeline(got, answer).catch(() => answer.destroy());
  });
  // The caller has to see a broken connection, on either side.
  onward.on('error', () => answer.destroy());
  answer.on('close', () => onward.destroy());
  asked.pipe(onward);
}
