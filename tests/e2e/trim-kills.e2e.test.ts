import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { BACKUP_POSITION, BUCKETS, JOBS_STREAM } from '@errand/contracts';
import {
  createTestDatabase,
  type HoldingProxy,
  rawNatsRequest,
  startNatsProxy,
  startTestNats,
  type TestNats,
  waitUntil,
} from '@errand/testkit';
import { expect, test } from 'vitest';
import { startDrill } from './drill.ts';
import { startSystem } from './system.ts';

/*
 * Schedulers are killed between the two halves of a trim, so that the log goes on losing what grows old: under load, and at
 * last together with all other services, which stay away until everything has left. ERRAND_TRIM_KILLS makes it longer.
 */

const KILLS = Number(process.env.ERRAND_TRIM_KILLS || 2);
const BETWEEN_RUNS_MS = 100;
const HOUR_MS = 3_600_000;
const MAIN_FILES = { scheduler: join(import.meta.dirname, 'short-window-scheduler.ts') };

interface LogInfo {
  readonly config: { readonly max_age: number };
  readonly state: { readonly messages: number; readonly first_seq: number; readonly last_seq: number };
}

test(
  'whoever dies between the halves of a trim, and however long nobody is there, every accepted job ends',
  async () => {
    await using nats = await startTestNats();
    await using proxy = await startNatsProxy(nats.url);
    await using database = await createTestDatabase();
    await using drill = await startDrill();
    const { accepted, receiver, settings } = drill;
    receiver.respond = 200;
    const servers = { natsUrl: proxy.url, databaseUrl: database.url };
    {
      await using system = await startSystem(servers, settings, MAIN_FILES);
      const usual = (await logOf(nats)).config.max_age;
      const caller = await drill.enter(system);
      const loaded = new AbortController();
      const loading = (async () => {
        while (!loaded.signal.aborted) {
          const jobId = await caller.run('quick');
          if (jobId) accepted.push(jobId);
          await pause(BETWEEN_RUNS_MS);
        }
      })();
      for (let kills = 0; kills < KILLS; kills++) {
        await killWithinTrim(proxy, async () => {
          // The next one sets it back as soon as it is there.
          expect((await logOf(nats)).config.max_age).toBeLessThan(usual);
          await system.kill('scheduler');
        });
        await waitUntil(async () => (await logOf(nats)).config.max_age === usual, { timeoutMs: 30_000 });
      }
      expect(system.restarts).toMatchObject({ scheduler: KILLS, projection: 0, gateway: 0 });

      // What comes from here on stays, until there are jobs in all states.
      const { state } = await logOf(nats);
      await pin(nats, { version: state.last_seq, untilMs: Date.now() + HOUR_MS });
      await drill.fill(system);
      loaded.abort();
      await loading;
      const dying = killWithinTrim(proxy, () => system.killAll());
      await pin(nats, { version: state.last_seq, untilMs: 0 });
      await dying;
    }
    await waitUntil(async () => (await logOf(nats)).state.messages === 0, { timeoutMs: 120_000 });

    await using system = await startSystem(servers, settings, MAIN_FILES);
    await drill.letEnd();
    await drill.expectAllEnd(system);
    await drill.expectVerified(system);
  },
  240_000 + KILLS * 30_000,
);

async function logOf({ url }: TestNats): Promise<LogInfo> {
  return (await rawNatsRequest(url, `$JS.API.STREAM.INFO.${JOBS_STREAM}`)) as unknown as LogInfo;
}

/** Tells that a backup has still to copy what comes behind a version. */
async function pin({ url }: TestNats, { version, untilMs }: { version: number; untilMs: number }) {
  const position = { version, until_ms: untilMs };
  await rawNatsRequest(url, `$KV.${BUCKETS.positions}.${BACKUP_POSITION}`, position);
}

/** Kills once `max_age` is lowered, and before it is set back. */
async function killWithinTrim(proxy: HoldingProxy, kill: () => Promise<void>): Promise<void> {
  const update = `$JS.API.STREAM.UPDATE.${JOBS_STREAM}`;
  using second = proxy.hold(
    'client',
    (frame) => frame.includes(update) && !frame.includes('errand.usual_max_age'),
  );
  await second.caught;
  await kill();
}
