import { plainLines } from '@errand/cli';
import { parseConfig } from '@errand/runtime';
import { devActionEnv, givenBy, localSettings } from './config.ts';
import { dataFolderAt, makeDataFolder, readJson } from './data/data-folder.ts';
import { lockFolder } from './data/folder-lock.ts';
import { createLocalFiles, type LocalFile } from './data/local-file.ts';
import { roomText, settleRoom } from './data/log-sizes.ts';
import { askThisMachineDirectly } from './direct.ts';
import { createCrew } from './process/crew.ts';
import { whenNpmEnds } from './process/parent.ts';
import { onStopSignals } from './process/stop-signals.ts';
import { startSystem } from './start-system.ts';
import { alreadyRunning, banner, tenantUrlOf } from './tell/banner.ts';
import { tellOfExecutor } from './tell/tell-of-executor.ts';

/**
 * `npm start`: the whole system on this machine, until Ctrl-C. Exit codes: 0 stopped as told, 1 could not start or
 * go on, 2 wrong configuration, 130 killed by a second Ctrl-C.
 *
 * `npm run dev` is the same with the word `dev`: the executor follows the action files in `./actions` as they are
 * written, and the terminal shows what becomes of them and of their jobs.
 */
async function main(env: NodeJS.ProcessEnv, isDev: boolean): Promise<number> {
  const config = parseConfig(localSettings, env);
  const folder = dataFolderAt(config.dataDir);
  await makeDataFolder(folder);
  const lock = await lockFolder(folder.lockFile, 'main.ts');
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
  await whenNpmEnds({ env, word: 'main.ts' }, () => end(0));
  startSystem({
    folder,
    port: config.port,
    given,
    room,
    actionEnv: isDev ? devActionEnv(env) : {},
    crew,
    say: (line) => stopping.signal.aborted || console.log(plainLines(line)),
    signal: stopping.signal,
    onRefused: fail,
  })
    .then(async (facts) => {
      await files.publish(facts);
      console.log(banner(facts, folder, given.natsUrl === undefined ? roomText(room) : undefined));
      if (isDev)
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

askThisMachineDirectly(process.env);

// A closed terminal or pipe must not prevent an orderly stop of the system.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

process.exit(
  await main(process.env, process.argv[2] === 'dev').catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    return (error as { code?: string }).code === 'config_error' ? 2 : 1;
  }),
);
