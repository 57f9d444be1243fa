/*
 * The baseline for webhooks: the same requests by undici alone, in a separate process. Each message is one round; its
 * answer says how long it took and how much CPU it used.
 */
import { createHmac, randomUUIDv7 } from 'node:crypto';
import { Pool } from 'undici';

export interface SenderRound {
  readonly urls: readonly string[];
  /** Connections to each URL, all of them in use. */
  readonly connections: number;
  readonly requests: number;
  readonly headers: Record<string, string>;
  readonly body: string;
  /** Base64 key material, to sign each request by Standard Webhooks; null to send the same headers each time. */
  readonly secret: string | null;
}

export interface SenderResult {
  readonly tookMs: number;
  readonly cpuMs: number;
}

const pools = new Map<string, Pool>();

process.on('message', async (round: SenderRound) => {
  const began = performance.now();
  const cpu = process.cpuUsage();
  let left = round.requests;
  const key = round.secret === null ? undefined : Buffer.from(round.secret, 'base64');
  const lanes = round.urls.flatMap((url) =>
    Array.from({ length: round.connections }, async () => {
      const { origin, pathname } = new URL(url);
      const pool = poolOf(origin, round.connections);
      while (left-- > 0) {
        const headers = key ? { ...round.headers, ...signed(key, round.body) } : round.headers;
        const request = { path: pathname, method: 'POST' as const, headers, body: round.body };
        const answer = await pool.request(request);
        await answer.body.text();
        if (answer.statusCode !== 200) throw new Error(`answered ${answer.statusCode}`);
      }
    }),
  );
  await Promise.all(lanes);
  const { user, system } = process.cpuUsage(cpu);
  process.send?.({
    tookMs: performance.now() - began,
    cpuMs: (user + system) / 1_000,
  } satisfies SenderResult);
});
process.once('disconnect', () => process.exit());
process.send?.('ready');

function poolOf(origin: string, connections: number): Pool {
  const pool = pools.get(origin) ?? new Pool(origin, { connections, pipelining: 1 });
  pools.set(origin, pool);
  return pool;
}

function signed(key: Buffer, body: string): Record<string, string> {
  const id = randomUUIDv7();
  const timestamp = String(Math.floor(Date.now() / 1_000));
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}
