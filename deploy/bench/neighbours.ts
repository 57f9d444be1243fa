import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BenchSystem, startBenchSystem } from './bench-system.ts';
import { percentile } from './percentile.ts';

const SECONDS = 5;
/** What the neighbour asks for, one after the other. */
const EVERY_MS = 25;
const JOBS = 200;
const RUN = 'noop/run';

interface Tenant {
  readonly base: string;
  readonly key: string;
}

/** Goes on until the signal fires; several at once. */
type Attack = (system: BenchSystem, attacker: Tenant, signal: AbortSignal) => Promise<unknown>;

/** What one tenant's calls take while another one asks for as much as it can, in the ways that cost most. */
export async function benchNeighbours(): Promise<object> {
  const names = ['gateway', 'executor', 'projection', 'webhooks'] as const;
  await using system = await startBenchSystem(
    names.map((name) => ({
      name,
      ...(name === 'executor' ? { mainFile: new URL('./noop-executor.ts', import.meta.url).pathname } : {}),
    })),
  );
  const neighbour = await createTenant(system, 'neighbour');
  const attacker = await createTenant(system, 'attacker');
  await untilServed(neighbour);
  for (const tenant of [neighbour, attacker]) await fill(tenant);
  await measure(neighbour);
  const rows: { attack: string; alone_p95_ms: number; beside_p95_ms: number; ratio: number }[] = [];
  for (const [attack, begin] of Object.entries(ATTACKS)) {
    const alone = await measure(neighbour);
    const stop = new AbortController();
    const attacking = begin(system, attacker, stop.signal);
    await sleep(500);
    const beside = await measure(neighbour);
    stop.abort();
    await attacking.catch(() => {});
    const ratio = Math.round((beside / alone) * 100) / 100;
    rows.push({ attack, alone_p95_ms: alone, beside_p95_ms: beside, ratio });
    console.log(`${attack.padEnd(44)} alone p95 ${alone} ms, beside it ${beside} ms: ${ratio} x`);
    await sleep(2_000);
  }
  return { rows };
}

const ATTACKS: Record<string, Attack> = {
  'batches of 900 items with 1,000 unknown options': (_, attacker, signal) => {
    const options = Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`x${at}`, 0]));
    const items = [{}, ...Array.from({ length: 900 }, () => ({ _job: options }))];
    return loops(2, signal, () => call(attacker, 'POST', 'noop/run-batch', JSON.stringify({ items })));
  },
  'lists of jobs by 20 entries of metadata': (_, attacker, signal) => {
    const filter = Array.from({ length: 20 }, (_, at) => `metadata.k${at}=v`).join('&');
    return loops(20, signal, () => call(attacker, 'GET', `jobs?limit=200&${filter}`));
  },
  '40 sockets that ask for pages and never read': async (system, attacker, signal) => {
    const sockets = Array.from({ length: 40 }, () => openSocket(system));
    const request = head(system, attacker, 'GET', 'jobs?limit=200');
    for (const socket of sockets) {
      socket.pause();
      socket.write(request.repeat(20));
    }
    await once(signal, 'abort');
    for (const socket of sockets) socket.destroy();
  },
  'one socket with 20,000 pipelined waits': async (system, attacker, signal) => {
    const socket = openSocket(system);
    const { jobs } = (await (await call(attacker, 'GET', 'jobs?limit=1')).json()) as {
      jobs: { job_id: string }[];
    };
    const request = head(system, attacker, 'GET', `jobs/${jobs[0]?.job_id}?wait=60&min_version=1`);
    socket.resume();
    socket.write(request.repeat(20_000));
    await once(signal, 'abort');
    socket.destroy();
  },
  'run bodies of a megabyte': (_, attacker, signal) => {
    const body = JSON.stringify({ text: '<'.repeat(900_000) });
    return loops(8, signal, () => call(attacker, 'POST', RUN, body));
  },
};

async function loops(count: number, signal: AbortSignal, ask: () => Promise<Response>): Promise<void> {
  const one = async () => {
    while (!signal.aborted) {
      const answer = await ask().catch(() => undefined);
      await answer?.arrayBuffer().catch(() => {});
    }
  };
  await Promise.all(Array.from({ length: count }, one));
}

/** The 95th percentile of a run and a list in turn, in milliseconds. */
async function measure(tenant: Tenant): Promise<number> {
  const took: number[] = [];
  const until = performance.now() + SECONDS * 1_000;
  for (let asked = 0; performance.now() < until; asked++) {
    const begun = performance.now();
    const answer =
      asked % 2 === 0 ? await call(tenant, 'POST', RUN, '{}') : await call(tenant, 'GET', 'jobs?limit=10');
    await answer.arrayBuffer();
    took.push(performance.now() - begun);
    if (!answer.ok) throw new Error(`the neighbour was answered ${answer.status}`);
    await sleep(EVERY_MS);
  }
  return Math.round(percentile(took, 0.95) * 10) / 10;
}

async function createTenant(system: BenchSystem, name: string): Promise<Tenant> {
  const headers = { authorization: `Bearer ${system.adminKey}`, 'content-type': 'application/json' };
  await fetch(`${system.url}/admin/tenants/${name}`, { method: 'PUT', headers });
  const body = JSON.stringify({ name: 'bench' });
  const made = await fetch(`${system.url}/admin/tenants/${name}/keys`, { method: 'POST', headers, body });
  const { api_key: key } = (await made.json()) as { api_key: string };
  return { base: `${system.url}/v2/tenants/${name}`, key };
}

async function untilServed(tenant: Tenant): Promise<void> {
  while (!(await call(tenant, 'GET', 'actions/noop')).ok) await sleep(100);
}

async function fill(tenant: Tenant): Promise<void> {
  const items = Array.from({ length: JOBS }, () => ({}));
  const answer = await call(tenant, 'POST', 'noop/run-batch', JSON.stringify({ items }));
  if (answer.status !== 202) throw new Error(`the jobs were not taken: ${answer.status}`);
}

function call({ base, key }: Tenant, method: string, path: string, body?: string): Promise<Response> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  return fetch(`${base}/${path}`, { method, headers, ...(body === undefined ? {} : { body }) });
}

function openSocket(system: BenchSystem): Socket {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(system.url).port) });
  socket.on('error', () => {});
  return socket;
}

function head(system: BenchSystem, { base, key }: Tenant, method: string, path: string): string {
  const { host, pathname } = new URL(`${base}/`);
  return `${method} ${pathname}${path} HTTP/1.1\r\nhost: ${host || system.url}\r\nauthorization: Bearer ${key}\r\n\r\n`;
}
