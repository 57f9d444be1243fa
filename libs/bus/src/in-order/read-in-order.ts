import { setTimeout as pause } from 'node:timers/promises';
import { BUCKETS, JOBS_STREAM, LogPosition } from '@errand/contracts';
import { openBucket } from '../buckets/buckets.ts';
import { provisionRedrives } from '../connect/provision.ts';
import { removeConsumerAlone } from '../connect/remove-consumer.ts';
import { consumeRedrives } from '../consume/dead-letters.ts';
import type { Connection } from '../consume/pulls.ts';
import { PositionBeyondLog } from '../errors.ts';
import { fillFromAudit } from './fill-from-audit.ts';
import type { LogReads, OrderedReadOptions } from './options.ts';
import { persist } from './persist.ts';
import { readLive } from './read-live.ts';
import { createTaker } from './taker.ts';
import { startTelling } from './tell-position.ts';

/*
 * A reader takes every event of some types into a database, in the order of the log and each once: how far it has come
 * is written in the same transaction as what it makes of the events. So there are no acknowledgements, and a database that
 * was set back, or is another one, gets what it lacks, from the audit log where the log has it no more.
 *
 * One process reads, which holds the position for a while at a time; others wait for its turn to end. A process that was
 * stopped and comes back finds the position moved, and has written nothing.
 */

const PAUSE_AFTER_FAILURE_MS = 1_000;
/** How often a process that does not read looks whether it is to. */
const FOLLOW_MS = 500;

/**
 * Reads until the signal fires.
 * @throws PositionBeyondLog
 */
export async function readInOrder(
  connection: Connection,
  reads: LogReads,
  options: OrderedReadOptions,
): Promise<void> {
  const { nc } = connection;
  const { reader, position, signal } = options;
  if (reads.provisions) {
    await provisionRedrives(nc, reader.name, signal).catch((error) => {
      if (!signal.aborted) throw error;
    });
  }
  if (signal.aborted) return;
  await Promise.all([
    consumeRedrives(connection, {
      ...options,
      consumer: reader,
      handle: async (recorded) => {
        await createTaker(connection, options).takeOne(recorded);
        return { kind: 'done' };
      },
    }),
    inTurn(),
  ]);

  async function inTurn(): Promise<void> {
    if (!(await persist(beginPosition, options))) return;
    while (!signal.aborted) {
      try {
        const version = await position.hold();
        if (version === undefined) await pause(FOLLOW_MS, undefined, { signal });
        else await readTurn(connection, reads, version, options);
      } catch (error) {
        if (error instanceof PositionBeyondLog) throw error;
        if (signal.aborted) break;
        options.onError(error);
        await pause(PAUSE_AFTER_FAILURE_MS, undefined, { signal }).catch(() => {});
      }
    }
    await position.release().catch(options.onError);
  }

  async function beginPosition(): Promise<true> {
    // Readers used to acknowledge events to a durable consumer.
    const old = { stream: JOBS_STREAM, name: reader.name };
    const standing = await reads.standings.standingOf(old);
    const positions = await openBucket(nc, BUCKETS.positions, LogPosition);
    const { version: before } = (!options.fillsAnew && (await positions.get(reader.name))) || {};
    await position.begin(standing?.ackFloor ?? before ?? (await reads.jobs.reach()).beganAt - 1);
    if (standing) await removeConsumerAlone(nc, old);
    return true;
  }
}

/** Reads from a position for as long as this process holds it. */
async function readTurn(
  connection: Connection,
  reads: LogReads,
  version: number,
  options: OrderedReadOptions,
): Promise<void> {
  const { position, onError } = options;
  const over = new AbortController();
  const signal = AbortSignal.any([options.signal, over.signal]);
  const turn = { ...options, signal };
  const taker = createTaker(connection, turn);
  const renew = async () => {
    const before = taker.settled;
    const held = await position.hold();
    // The database was set back, where nobody may write for a long time to come.
    if (held === undefined || held < before) over.abort();
  };
  const renewing = setInterval(() => void renew().catch(onError), position.leaseMs / 3);
  try {
    await using _telling = await startTelling(connection, taker, turn);
    const from = await fillFromAudit(reads, version, taker, turn);
    if (from !== undefined) await readLive(connection, reads, from, taker, turn);
  } finally {
    clearInterval(renewing);
  }
}
