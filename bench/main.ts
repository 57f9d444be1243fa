/*
 * `npm run bench` lists the benchmarks, `npm run bench <name>` runs one. Each prints a table for people and, as its last
 * line, one line of JSON for scripts. Figures are compared within one run only: machines differ and drift.
 */

import { benchAudit } from './data/audit.ts';
import { benchRebuild } from './data/rebuild.ts';
import { benchSizing } from './data/sizing.ts';
import { benchTrim } from './data/trim.ts';
import { benchAccept } from './jobs/accept.ts';
import { benchCallbacks } from './jobs/callbacks.ts';
import { benchCost } from './jobs/cost.ts';
import { benchIdle } from './jobs/idle.ts';
import { benchLatency } from './jobs/latency.ts';
import { benchPayloads } from './jobs/payloads.ts';
import { benchTakeover } from './jobs/takeover.ts';
import { benchThroughput } from './jobs/throughput.ts';
import { benchWaiters } from './jobs/waiters.ts';
import { benchWaits } from './jobs/waits.ts';
import { benchFairness } from './load/fairness.ts';
import { benchJobLogs } from './load/job-logs.ts';
import { benchManyTenants } from './load/many-tenants.ts';
import { benchNeighbours } from './load/neighbours.ts';
import { benchOverload } from './load/overload.ts';
import { benchSchedules } from './load/schedules.ts';
import { benchSustained } from './load/sustained.ts';
import { benchWeights } from './load/weights.ts';
import { benchWebhooksIsolation } from './webhooks/webhooks-isolation.ts';
import { benchWebhooksThroughput } from './webhooks/webhooks-throughput.ts';

const BENCHMARKS: Record<string, { about: string; run: (args: readonly string[]) => Promise<object> }> = {
  accept: {
    about: 'accepted runs per second of one gateway, against the same gateway without its append',
    run: benchAccept,
  },
  callbacks: {
    about: 'slots and memory of jobs that wait for calls from outside, and calls a second; --jobs <n>',
    run: benchCallbacks,
  },
  cost: {
    about:
      'what a job costs: messages, writes and transactions, and CPU as a ratio to a fixed loop; --check holds it to its limits',
    run: benchCost,
  },
  fairness: {
    about:
      'what jobs of 99 small tenants take beside floods and storms of another one, with turns and without; --job-ms <n> for one flood',
    run: benchFairness,
  },
  'job-logs': {
    about:
      'what jobs take while another action tells callers a gigabyte, against being alone; --megabytes <n>',
    run: benchJobLogs,
  },
  latency: {
    about: 'from a run to the caller that knows its end, one at a time, against other job systems',
    run: benchLatency,
  },
  'many-tenants': {
    about:
      'what 10,000 tenants and a queue of 1,000,000 jobs cost gateway, scheduler and a fresh tenant; and takeovers',
    run: benchManyTenants,
  },
  neighbours: {
    about:
      "what tenants' calls take while another one asks for as much as it can, against being alone; --limits: only beyond its limits",
    run: benchNeighbours,
  },
  overload: {
    about:
      'checks of inputs that a gateway answers, and how soon, at up to three times the load that it can take',
    run: benchOverload,
  },
  payloads: {
    about: 'memory and time that a file of 50 MiB takes, from an action to a caller',
    run: benchPayloads,
  },
  rebuild: {
    about: 'the read model made again under load from a log of 1,000,000 events, against a COPY of its rows',
    run: benchRebuild,
  },
  takeover: {
    about: "from the end of a running job's executor, by SIGKILL or SIGTERM, to the job's next attempt",
    run: benchTakeover,
  },
  schedules: {
    about:
      'what 100,000 schedules cost a gateway at rest, and how late the jobs of 1,000 come that tick together',
    run: benchSchedules,
  },
  sustained: {
    about: 'a steady load for a long time, minute by minute; --rate <jobs/s> --minutes <n>',
    run: benchSustained,
  },
  throughput: {
    about:
      'jobs per second and CPU of each job, from the request to its ended row, against other job systems; --jobs <n> before',
    run: benchThroughput,
  },
  trim: {
    about:
      'what appends take while events leave the log, against the same without, on one server and on three; --phase-s <n>',
    run: benchTrim,
  },
  waiters: {
    about: 'what 5,000 callers that wait cost a gateway, at rest and when all their jobs end',
    run: benchWaiters,
  },
  waits: {
    about: 'how long fresh jobs take beside 100,000 jobs that wait for a retry or a delayed start',
    run: benchWaits,
  },
  weights: {
    about:
      "tenants' shares of the slots, by weights and with jobs of 20 ms to 2 s, and that of one that comes late",
    run: benchWeights,
  },
  'webhooks-isolation': {
    about:
      'what one dead and 100 hanging endpoints cost 200 healthy ones; --rows <n> deliveries wait for the dead one',
    run: benchWebhooksIsolation,
  },
  'webhooks-throughput': {
    about: 'deliveries per second and CPU of one webhooks process, against the same POSTs by undici alone',
    run: benchWebhooksThroughput,
  },
  audit: {
    about: 'what verify and an export take for a million events, and how memory grows by it',
    run: benchAudit,
  },
  sizing: {
    about: 'memory and disk of nats-server for a million jobs, and its recovery after a kill -9',
    run: benchSizing,
  },
  idle: {
    about: 'CPU and memory of each process of a system that has nothing to do',
    run: benchIdle,
  },
};

// An exit ends the processes of a benchmark too; the default action of a signal would leave them running.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const name = process.argv[2];
const benchmark = name === undefined ? undefined : BENCHMARKS[name];
if (benchmark) {
  console.log(JSON.stringify({ benchmark: name, ...(await benchmark.run(process.argv.slice(3))) }));
} else {
  console.log('usage: npm run bench <name>\n');
  for (const [key, { about }] of Object.entries(BENCHMARKS)) console.log(`  ${key.padEnd(20)} ${about}`);
  process.exitCode = name === undefined ? 0 : 2;
}
