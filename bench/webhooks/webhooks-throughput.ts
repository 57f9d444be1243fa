import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { waitUntil } from '@errand/testkit';
import { endJobs, monotonicMs, openJobs } from '../../tests/webhook-faults/open-jobs.ts';
import { type RemoteReceiver, startRemoteReceiver } from '../../tests/webhook-faults/remote-receiver.ts';
import {
  SIGNING_SECRET,
  startWebhookSystem,
  type WebhookSystem,
} from '../../tests/webhook-faults/webhook-system.ts';
import { killWithThisProcess, stopProcess } from '../harness/bench-system.ts';
import { median } from '../harness/median.ts';
import { round } from '../harness/percentile.ts';
import { cpuSeconds } from '../harness/process-usage.ts';
import type { SenderResult, SenderRound } from './webhooks-sender.ts';

const ENDPOINTS = 8;
/** Connections to an endpoint; as many as its queue allows. */
const CONNECTIONS = 16;
const DELIVERIES = 6_000;
const ROUNDS = 3;
const WARM_UPS = 1;

interface Sample {
  readonly perSecond: number;
  /** CPU microseconds of a process for each delivery. */
  readonly cpuUs: Readonly<Record<string, number>>;
}

interface Contender {
  readonly name: string;
  readonly about: string;
  run(): Promise<Sample>;
  readonly samples: Sample[];
}

/**
 * Deliveries per second of one webhooks process, from endings in the log to results in Postgres, compared with the same
 * POSTs by undici alone: the same receiver, body, headers and number of connections, in turns. `--profile <folder>`
 * writes a CPU profile of the process there.
 */
export async function benchWebhooksThroughput(args: readonly string[]): Promise<object> {
  const { values } = parseArgs({ args: [...args], options: { profile: { type: 'string' } } });
  await using resources = new AsyncDisposableStack();
  const receiver = resources.use(await startRemoteReceiver({ ports: ENDPOINTS, delayMs: 0 }));
  const profiling = values.profile && `--cpu-prof --cpu-prof-dir=${values.profile}`;
  const system = resources.use(
    await startWebhookSystem({
      processes: 1,
      durable: true,
      env: profiling ? { NODE_OPTIONS: profiling } : {},
    }),
  );
  const endpoints = Array.from({ length: ENDPOINTS }, (_, index) => `${receiver.urls[index]}/hook`);
  // One tenant per endpoint, so that an ending is one delivery; and one tenant that has them all.
  await system.addEndpoints(endpoints.map((url, index) => ({ tenant_id: `one-${index}`, url })));
  await system.addEndpoints(endpoints.map((url) => ({ tenant_id: 'all', url })));
  const each = Array.from({ length: DELIVERIES }, (_, index) => `one-${index % ENDPOINTS}`);
  const together = Array.from({ length: DELIVERIES / ENDPOINTS }, () => 'all');
  const watched = { system, receiver };
  await deliver(each.slice(0, DELIVERIES / ENDPOINTS), 1, watched);
  const sender = resources.adopt(await startSender(), stopProcess);
  const { headers, body } = await receiver.first();
  const bare = { urls: endpoints, connections: CONNECTIONS, requests: DELIVERIES, body };
  const same = Object.fromEntries(Object.entries(headers).filter(([name]) => !CONNECTION_HEADERS.has(name)));
  const secret = SIGNING_SECRET.replace('whsec_', '');

  const contenders: Contender[] = [
    {
      name: 'undici',
      about: 'the same bytes each time',
      run: () => send(sender, { ...bare, headers: same, secret: null }, receiver),
      samples: [],
    },
    {
      name: 'undici, signed',
      about: 'an id, a time and an HMAC for each',
      run: () => send(sender, { ...bare, headers: same, secret }, receiver),
      samples: [],
    },
    {
      name: 'webhooks, 1:1',
      about: 'each ending told to one endpoint',
      run: () => deliver(each, 1, watched),
      samples: [],
    },
    {
      name: `webhooks, 1:${ENDPOINTS}`,
      about: `each ending told to ${ENDPOINTS} endpoints`,
      run: () => deliver(together, ENDPOINTS, watched),
      samples: [],
    },
  ];
  for (let warmUp = 0; warmUp < WARM_UPS; warmUp++) for (const { run } of contenders) await run();
  for (let turn = 0; turn < ROUNDS; turn++)
    for (const { run, samples } of contenders) samples.push(await run());
  return report(contenders, body);
}

/** Headers about the connection; undici writes its own. */
const CONNECTION_HEADERS = new Set(['host', 'connection', 'content-length', 'transfer-encoding']);

const SENDER_FILE = fileURLToPath(new URL('./webhooks-sender.ts', import.meta.url));

async function startSender(): Promise<ChildProcess> {
  const child = fork(SENDER_FILE, [], { execArgv: [] });
  killWithThisProcess(child);
  await once(child, 'message');
  return child;
}

async function send(sender: ChildProcess, wanted: SenderRound, receiver: RemoteReceiver): Promise<Sample> {
  const before = await cpuSeconds(receiver.pid);
  const answered = once(sender, 'message');
  sender.send(wanted);
  const [{ tookMs, cpuMs }] = (await answered) as [SenderResult];
  const received = (await cpuSeconds(receiver.pid)) - before;
  await receiver.take();
  return {
    perSecond: (wanted.requests * 1_000) / tookMs,
    cpuUs: { sender: (cpuMs * 1_000) / wanted.requests, receiver: (received * 1e6) / wanted.requests },
  };
}

/** Ends one job for each given tenant, all at once, and waits until the results are in Postgres. */
async function deliver(
  tenantIds: readonly string[],
  fanOut: number,
  { system, receiver }: { system: WebhookSystem; receiver: RemoteReceiver },
): Promise<Sample> {
  const deliveries = tenantIds.length * fanOut;
  const pids = {
    sender: system.members[0]?.pid ?? 0,
    receiver: receiver.pid,
    postgres: system.postgres.pid,
    nats: system.nats.pid,
  };
  const jobs = await openJobs(system.bus, tenantIds);
  const before = await cpuOf(pids);
  const beganMs = monotonicMs();
  await endJobs(system.bus, jobs);
  await receiver.until(deliveries);
  await waitUntil(async () => (await pendingOf(system)) === 0, { timeoutMs: 60_000, intervalMs: 20 });
  const used = await cpuOf(pids);
  const { atMs } = await receiver.take();
  if (atMs.length !== deliveries) throw new Error(`${atMs.length} calls for ${deliveries} deliveries`);
  const cpuUs = Object.entries(used).map(([name, seconds]) => [
    name,
    ((seconds - (before[name] ?? 0)) * 1e6) / deliveries,
  ]);
  const tookMs = (atMs.at(-1) ?? Number.NaN) - beganMs;
  return { perSecond: (deliveries * 1_000) / tookMs, cpuUs: Object.fromEntries(cpuUs) };
}

async function pendingOf({ db }: WebhookSystem): Promise<number> {
  const pending = db.selectFrom('webhook_delivery').where('state', '=', 'pending');
  const { count } = await pending
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  return count;
}

async function cpuOf(pids: Readonly<Record<string, number>>): Promise<Record<string, number>> {
  const seconds = Object.entries(pids).map(async ([name, pid]) => [name, await cpuSeconds(pid)] as const);
  return Object.fromEntries(await Promise.all(seconds));
}

const PROCESSES = ['sender', 'receiver', 'postgres', 'nats'] as const;

function report(contenders: readonly Contender[], body: string): object {
  const rows = contenders.map(({ name, about, samples }) => ({
    name,
    about,
    per_s: Math.round(median(samples.map(({ perSecond }) => perSecond))),
    cpu_us: Object.fromEntries(
      PROCESSES.map((process) => [
        process,
        Math.round(median(samples.map(({ cpuUs }) => cpuUs[process] ?? 0))),
      ]),
    ),
    rounds_per_s: samples.map(({ perSecond }) => Math.round(perSecond)),
  }));
  const [bare, signed, single, shared] = rows.map(({ per_s }) => per_s) as [number, number, number, number];
  const ratios = {
    single_to_bare: round(single / bare, 2),
    single_to_signed: round(single / signed, 2),
    shared_to_bare: round(shared / bare, 2),
    shared_to_signed: round(shared / signed, 2),
  };
  console.log(
    `\n${DELIVERIES} deliveries a round to ${ENDPOINTS} endpoints with ${CONNECTIONS} connections each, bodies of ` +
      `${body.length} characters; medians of ${ROUNDS} rounds in turns.\nThe sender is undici's process or the ` +
      'service; Postgres syncs its commits. CPU in microseconds a delivery.\n',
  );
  const heads = ['per s', 'sender', 'receiver', 'postgres', 'nats'].map((head) => head.padStart(10)).join('');
  console.log(`${''.padEnd(16)}${heads}`);
  for (const { name, about, per_s, cpu_us } of rows) {
    const cells = [per_s, ...PROCESSES.map((process) => cpu_us[process] ?? 0)];
    console.log(`${name.padEnd(16)}${cells.map((cell) => String(cell).padStart(10)).join('')}   ${about}`);
  }
  console.log(
    `\nwebhooks / undici: ${ratios.single_to_bare} (1:1), ${ratios.shared_to_bare} (1:${ENDPOINTS}); to the signed ` +
      `one: ${ratios.single_to_signed}, ${ratios.shared_to_signed}\n`,
  );
  return { deliveries: DELIVERIES, contenders: rows, ...ratios };
}
