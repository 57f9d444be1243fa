import { connect, type Socket } from 'node:net';
import { call, type Tenant } from '../harness/tenants.ts';

/* What one tenant may do to hurt the others, in a process that continues until it is killed. */

export const RUN = 'noop/run';

export interface AttackOrder extends Tenant {
  readonly attack: string;
}

type Attack = (attacker: Tenant) => unknown;

const ATTACK: Record<string, Attack> = {
  'batches of 900 items with 1,000 unknown options': (attacker) => {
    const options = Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`x${at}`, 0]));
    const items = [{}, ...Array.from({ length: 900 }, () => ({ _job: options }))];
    return loops(2, () => call(attacker, 'POST', 'noop/run-batch', JSON.stringify({ items })));
  },
  'lists of jobs by 20 entries of metadata': (attacker) => {
    const filter = Array.from({ length: 20 }, (_, at) => `metadata.k${at}=v`).join('&');
    return loops(20, () => call(attacker, 'GET', `jobs?limit=200&${filter}`));
  },
  '40 sockets that ask for pages and never read': async (attacker) => {
    const sockets = Array.from({ length: 40 }, () => openSocket(attacker));
    const request = head(attacker, 'GET', 'jobs?limit=200');
    for (const socket of sockets) {
      socket.pause();
      socket.write(request.repeat(20));
    }
  },
  'one socket with 20,000 pipelined waits': async (attacker) => {
    const socket = openSocket(attacker);
    const { jobs } = (await (await call(attacker, 'GET', 'jobs?limit=1')).json()) as {
      jobs: { job_id: string }[];
    };
    const request = head(attacker, 'GET', `jobs/${jobs[0]?.job_id}?wait=60&min_version=1`);
    socket.resume();
    socket.write(request.repeat(20_000));
  },
  'run bodies of a megabyte': (attacker) => {
    const body = JSON.stringify({ text: '<'.repeat(900_000) });
    return loops(8, () => call(attacker, 'POST', RUN, body));
  },
  'texts of a megabyte for a costly pattern': (attacker) => {
    const body = JSON.stringify({ text: '<'.repeat(900_000) });
    return loops(8, () => call(attacker, 'POST', 'pattern/run', body));
  },
};

/** On 10 connections, each as soon as the one before is answered. */
const BEYOND_LIMITS: Record<string, Attack> = {
  runs_per_second: (attacker) => loops(10, () => call(attacker, 'POST', 'wait/run', '{"ms":0}')),
  max_queued: (attacker) => loops(10, () => call(attacker, 'POST', 'wait/run', '{"ms":1000}')),
};

/** How many answers of each status there were. */
export const answers: Record<string, number> = {};

function loops(count: number, ask: () => Promise<Response>): void {
  const one = async () => {
    for (;;) {
      const answer = await ask().catch(() => undefined);
      await answer?.arrayBuffer().catch(() => {});
      const status = answer?.status ?? 'none';
      answers[status] = (answers[status] ?? 0) + 1;
    }
  };
  for (let at = 0; at < count; at++) void one();
}

export const ATTACKS = Object.keys(ATTACK);

export function attack({ attack: name, ...attacker }: AttackOrder): void {
  (ATTACK[name] ?? BEYOND_LIMITS[name])?.(attacker);
}

function openSocket({ base }: Tenant): Socket {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(base).port) });
  socket.on('error', () => {});
  return socket;
}

function head({ base, key }: Tenant, method: string, path: string): string {
  const { host, pathname } = new URL(`${base}/`);
  return `${method} ${pathname}${path} HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${key}\r\n\r\n`;
}
