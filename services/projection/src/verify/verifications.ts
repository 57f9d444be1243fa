import { randomUUIDv7 } from 'node:crypto';
import type { ProjectionHandlers } from '@errand/bus';
import type { Verification } from '@errand/contracts';
import { type Logger, repeat } from '@errand/runtime';
import { createSoleWorker } from '../sole-worker.ts';
import {
  beginVerification,
  endVerification,
  listVerifications,
  readRunning,
  readVerification,
  recordStanding,
  type VerificationRow,
  verificationOf,
} from './verification-rows.ts';
import { verify } from './verify.ts';
import type { VerifyDeps, VerifyStanding } from './verify-context.ts';

export interface Verifications {
  /** What the commands do. */
  readonly handlers: Pick<
    ProjectionHandlers,
    'verify' | 'verification' | 'cancel_verification' | 'verifications'
  >;
  /** Works on the one that is under way, if any and if no other process does, until it is over. Never throws. */
  look(): Promise<void>;
}

interface VerificationsDeps extends VerifyDeps {
  readonly databaseUrl: () => string;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

const TOLD_EVERY_MS = 500;

/**
 * Any process of the service answers the commands, and one of them works on the comparison. When that one dies, another one
 * begins it again.
 */
export function createVerifications(deps: VerificationsDeps): Verifications {
  const { db, now, log } = deps;
  const look = createSoleWorker({
    databaseUrl: deps.databaseUrl,
    name: 'verify',
    of: 'all',
    isWorkToDo: async () => (await readRunning(db)) !== undefined,
    async work(session) {
      const row = await readRunning(session.db);
      if (row) await workOn(row, deps);
    },
    signal: deps.signal,
    onInterrupted: (err) => log.warn({ err }, 'verify_interrupted'),
  });
  const known = (row: VerificationRow) => ({ kind: 'known', verification: verificationOf(row) }) as const;
  return {
    look,
    handlers: {
      async verify(request) {
        const row = await beginVerification(db, {
          id: randomUUIDv7(),
          nowMs: now(),
          since: request.since,
          tenant_id: request.tenant_id,
        });
        if (!row) return { kind: 'busy' };
        void look();
        return known(row);
      },
      async verification({ verification_id: id }) {
        const row = await readVerification(db, id);
        return row ? known(row) : { kind: 'none' };
      },
      async cancel_verification({ verification_id: id }) {
        const row = await endVerification(db, id, { state: 'canceled', nowMs: now() });
        if (row) return known(row);
        return { kind: (await readVerification(db, id)) ? 'ended' : 'none' };
      },
      async verifications() {
        return { kind: 'known', verifications: (await listVerifications(db)).map(verificationOf) };
      },
    },
  };
}

/** @throws what Postgres throws, and the reason of the stop: the row is left as under way. */
async function workOn(row: VerificationRow, deps: VerificationsDeps): Promise<void> {
  const { db, log, now } = deps;
  const { verification_id: id, tenant_id, since } = verificationOf(row);
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, deps.signal]);
  const standing: VerifyStanding = { step: null, percent: null, checked: row.checked };
  const tell = async () => {
    if (!(await recordStanding(db, id, standing))) over.abort();
  };
  const telling = repeat(tell, {
    everyMs: TOLD_EVERY_MS,
    signal,
    onError: (err) => log.warn({ err }, 'verify_standing_not_stored'),
  });
  try {
    const report = await verify(deps, { since, tenant_id }, { signal, standing });
    await endVerification(db, id, { state: 'done', nowMs: now(), report });
    const { findings, ...rest } = report;
    const found = Object.fromEntries(findings.map(({ kind, count }) => [kind, count]));
    log.info({ verification_id: id, ...rest, found }, 'verified');
  } catch (err) {
    if (over.signal.aborted) return;
    deps.signal.throwIfAborted();
    log.error({ verification_id: id, err }, 'verify_failed');
    await endVerification(db, id, { state: 'failed', nowMs: now(), error: reasonOf(err) });
  } finally {
    over.abort();
    await telling;
  }
}

function reasonOf(error: unknown): NonNullable<Verification['error']> {
  return error instanceof Error ? error.message : String(error);
}
