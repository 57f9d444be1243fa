import { fileURLToPath } from 'node:url';
import { type BenchSystem, startBenchSystem } from '../harness/bench-system.ts';
import { readMetric } from '../harness/metrics.ts';
import type { Contender } from './contender.ts';

/** JobRequested, JobStarted and JobSucceeded; and JobDue of a job that waited for its turn. */
const EVENTS_PER_JOB = 3;

export interface ErrandContender extends Contender {
  readonly system: BenchSystem;
}

/** The whole system as it is delivered, with an executor of an action that does nothing. */
export async function startErrand(settings: Readonly<Record<string, string>> = {}): Promise<ErrandContender> {
  const executor = fileURLToPath(new URL('../actions/noop-executor.ts', import.meta.url));
  const services = [
    { name: 'gateway' },
    { name: 'executor', mainFile: executor },
    { name: 'projection' },
    { name: 'webhooks' },
  ] as const;
  const system = await startBenchSystem(services, settings);
  const headers = { authorization: `Bearer ${system.adminKey}` };
  const path = '/v2/tenants/bench/noop/run';
  return {
    name: 'errand',
    about: 'gateway, executor, projection, webhooks, scheduler; JetStream on files, synced every 2 min',
    system,
    pids: system.pids,
    url: system.url,
    run: { path, headers, body: '{}', status: 202 },
    runAndWait: { path, headers: { ...headers, prefer: 'wait=10' }, body: '{}', status: 200 },
    async haveEnded(jobs) {
      const turns = await readMetric(system.opsUrls.scheduler, 'errand_released_jobs_total');
      const events = await readMetric(system.opsUrls.projection, 'errand_projected_events_total');
      return events >= jobs * EVENTS_PER_JOB + turns;
    },
    [Symbol.asyncDispose]: () => system[Symbol.asyncDispose](),
  };
}
