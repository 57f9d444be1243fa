import type { Bus } from '@errand/bus';
import { BUCKETS, WebhookEndpoint } from '@errand/contracts';
import type { Db } from '@errand/postgres';
import type { Logger } from '@errand/runtime';
import type { ProjectionConfig } from '../config.ts';
import type { StoredEndpoint } from './expected-deliveries.ts';
import { verify } from './verify.ts';

/** Takes the command to verify, one at a time. Resolves with the way to stop. */
export function answerVerify(deps: {
  db: Db;
  bus: Bus;
  config: ProjectionConfig;
  log: Logger;
  now: () => number;
  stopping: AbortSignal;
}): Promise<() => void> {
  const { db, bus, config, log, now, stopping } = deps;
  let isBusy = false;
  const readEndpoints = async () => {
    const stored = new Map<string, StoredEndpoint>();
    const bucket = await bus.buckets.watch(
      BUCKETS.webhookEndpoints,
      WebhookEndpoint,
      (key, endpoint, storedMs) => {
        if (endpoint) stored.set(key, { ...endpoint, storedMs });
        else stored.delete(key);
      },
    );
    bucket.close();
    return [...stored.values()];
  };
  return bus.commands.answerVerify(
    async (request, signal) => {
      if (isBusy) return { kind: 'busy' };
      isBusy = true;
      try {
        const {
          verifyMaxOpenJobs: maxOpenJobs,
          verifyGraceMs: graceMs,
          verifySecondLookMs: secondLookMs,
        } = config;
        const world = { db, bus, readEndpoints, now, maxOpenJobs, graceMs, secondLookMs };
        const report = await verify(world, request, AbortSignal.any([signal, stopping]));
        const { findings, ...rest } = report;
        const found = Object.fromEntries(findings.map(({ kind, count }) => [kind, count]));
        log.info({ ...rest, found }, 'verified');
        return { kind: 'verified', report };
      } finally {
        isBusy = false;
      }
    },
    (err) => log.error({ err }, 'verify_failed'),
  );
}
