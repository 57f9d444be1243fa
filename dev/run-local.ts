import { parseConfig, repeat } from '@errand/runtime';
import { plainLines } from 'errand';
import { givenBy, localSettings } from './config.ts';
import { boundLog, MAX_LOG_BYTES } from './data/bound-log.ts';
import { dataFolderAt, makeDataFolder, readJson } from './data/data-folder.ts';
import { lockFolder } from './data/folder-lock.ts';
import { createLocalFiles, type LocalFacts, type LocalFile } from './data/local-file.ts';
import { roomText, settleRoom } from './data/log-sizes.ts';
import { askThisMachineDirectly } from './direct.ts';
import { signInLink } from './first-tenant.ts';
import { createCrew } from './process/crew.ts';
import { whenNpmEnds } from './process/parent.ts';
import { onStopSignals } from './process/stop-signals.ts';
import type { ServiceName } from './services.ts';
import { PROCESSES, startSystem } from './start-system.ts';
import { alreadyRunning, banner, tenantUrlOf } from './tell/banner.ts';
import { tellOfExecutor } from './tell/tell-of-executor.ts';

/** How a local system is started: by the repository's `npm start` and `npm run dev`, or by `errand dev`. */
export interface Launch {
  /** A word of this process's command line, and of that of the shell by which npm started it. */
  readonly word: string;
  readonly mainFileOf: (service: ServiceName) => string;
  /** What the executor is told of its actions, in addition to its own environment. */
  readonly actionEnv: Record<string, string>;
  /** Whether the terminal shows what becomes of action files and of their jobs. */
  readonly tellsOfActions: boolean;
  /** What the terminal suggests once all is ready. */
  readonly suggestions: (facts: LocalFacts) => string;
}

const LOG_LOOK_MS = 5_000;

/**
 * Runs the whole system on this machine until Ctrl-C, and ends the process. Exit codes: 0 stopped as told, 1 could not
 * start or go on, 2 wrong configuration, 130 killed by a second Ctrl-C.
 */
export async function runLocal(launch: Launch): Promise<never> {
  askThisMachineDirectly(process.env);
  // A closed terminal or pipe must not prevent an orderly stop of the system.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  const code = await run(launch, process.env).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    return (error as { code?: string }).code === 'config_error' ? 2 : 1;
  });
  process.exit(code);
}

async function run(launch: Launch, env: NodeJS.ProcessEnv): Promise<number> {
  const config = parseConfig(localSettings, env);
  const folder = dataFolderAt(config.dataDir);
  await makeDataFolder(folder);
  const lock = await lockFolder(folder.lockFile);
  if (lock.kind === 'held') {
    const running = await readJson<LocalFile>(folder.localFile);
    const url = running?.pids.supervisor === lock.pid ? running.url : undefined;
    console.error(alreadyRunning(folder, { pid: lock.pid, url }));
    return 1;
  }

  const given = givenBy(env);
  const room = await settleRoom(folder, env).catch(async (error) => {
    await lock.release();
    throw error;
  });

  const stopping = new AbortController();
  const ended = Promise.withResolvers<number>();
  const end = (code: number) => {
    stopping.abort();
    ended.resolve(code);
  };
  const fail = (reason: string) => {
    if (!stopping.signal.aborted) console.error(plainLines(reason));
    end(1);
  };
  const crew = createCrew(() => files.pidsChanged());
  const files = createLocalFiles(folder, crew.pids);
  onStopSignals({
    first() {
      console.log('stopping; press Ctrl-C again to kill at once');
      end(0);
    },
    again() {
      crew.kill();
      process.exit(130);
    },
  });
  void repeat(
    async () => {
      for (const name of PROCESSES) await boundLog(folder.logFile(name), MAX_LOG_BYTES);
    },
    {
      everyMs: LOG_LOOK_MS,
      signal: stopping.signal,
      onError: (error) => console.error(`a log file was not begun again: ${error}`),
    },
  );
  await whenNpmEnds({ env, word: launch.word }, () => end(0));
  startSystem({
    folder,
    port: config.port,
    given,
    room,
    mainFileOf: launch.mainFileOf,
    actionEnv: launch.actionEnv,
    crew,
    say: (line) => stopping.signal.aborted || console.log(plainLines(line)),
    signal: stopping.signal,
    onRefused: fail,
  })
    .then(async (facts) => {
      await files.publish(facts);
      const consoleUrl = await signInLink({ url: facts.url, adminKey: facts.admin_key });
      const roomLine = given.natsUrl === undefined ? roomText(room) : undefined;
      console.log(banner({ facts, consoleUrl, folder, roomLine, suggestions: launch.suggestions(facts) }));
      if (launch.tellsOfActions)
        await tellOfExecutor({
          logFile: folder.logFile('executor'),
          tenantUrl: tenantUrlOf(facts),
          signal: stopping.signal,
          say: (line) => console.log(line),
        });
    })
    .catch((error: unknown) => fail(error instanceof Error ? error.message : String(error)));

  const code = await ended.promise;
  await crew.stop();
  await files.remove();
  await lock.release();
  if (code === 0) console.log('stopped');
  return code;
}
