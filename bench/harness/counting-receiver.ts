import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface CountingReceiver extends AsyncDisposable {
  readonly url: string;
  /** How many calls have come so far. */
  calls(): number;
}

/** A receiver of webhooks that reads and counts calls, and answers 200 at once. */
export async function startCountingReceiver(): Promise<CountingReceiver> {
  let calls = 0;
  const server = createServer((request, response) => {
    request.resume();
    request.once('end', () => {
      calls++;
      response.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    calls: () => calls,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}
