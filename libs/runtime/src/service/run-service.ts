import { ConfigError, type ConfigOf, parseConfig, type Settings } from '../settings/config.ts';
import type { PROCESS_SETTINGS } from '../settings/shared-settings.ts';
import { openTracing, type Tracing } from '../tracing/tracing.ts';
import { createLogOutput } from './log-output.ts';
import { createLogger, type Logger } from './logger.ts';

export interface ServiceContext {
  readonly log: Logger;
  /** Undefined unless traces are wanted. */
  readonly tracing?: Tracing | undefined;
  /** Aborted when the process is told to stop. */
  readonly signal: AbortSignal;
  /** Ends the process with an error: for conditions that only a restart fixes. */
  readonly fail: (error: unknown) => void;
  /** Takes the errors that nobody caught, which otherwise fail the service. Absent where no process is run. */
  readonly onStray?: (take: (error: unknown) => void) => void;
}

/** How long the exit waits for a slow reader of stdout. */
const LAST_WORDS_MS = 1_000;
const LONG_MS = 3_600_000;

/**
 * The whole life of a service's process: reads the environment, starts, runs until SIGTERM or SIGINT, stops. Exit
 * codes: 0 stopped as told, 1 failed, 2 wrong configuration.
 */
export async function runService<S extends typeof PROCESS_SETTINGS & Settings>(options: {
  name: string;
  settings: S;
  start: (config: ConfigOf<S>, context: ServiceContext) => Promise<AsyncDisposable>;
}): Promise<void> {
  const config = readConfig(options.settings);
  const own = config as unknown as ConfigOf<typeof PROCESS_SETTINGS>;
  const output = createLogOutput();
  const log = createLogger({ service: options.name, level: own.logLevel, output });
  const stop = new AbortController();
  const ended = Promise.withResolvers<number>();
  const fail = (error: unknown) => {
    ended.resolve(1);
    log.fatal({ err: error }, 'service_failed');
    stop.abort();
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      ended.resolve(0);
      log.info({ signal }, 'service_stopping');
      stop.abort();
    });
  }
  let takeStray = fail;
  process.on('uncaughtException', (error) => takeStray(error));
  process.on('unhandledRejection', (error) => takeStray(error));
  const onStray = (take: (error: unknown) => void) => {
    takeStray = take;
  };

  // Whatever the service itself waits for: what is pending does not keep a process alive, and it would end with 13.
  setInterval(() => {}, LONG_MS);
  let service: AsyncDisposable | undefined;
  let tracing: Tracing | undefined;
  try {
    tracing = await openTracing({
      service: options.name,
      endpoint: own.otlpEndpoint,
      share: own.traceShare,
      onError: (err) => log.warn({ err }, 'traces_not_exported'),
    });
    service = await options.start(config, { log, tracing, signal: stop.signal, fail, onStray });
    log.info('service_started');
  } catch (error) {
    if (error instanceof ConfigError || isUnfitServer(error)) refuse(error);
    if (!stop.signal.aborted) fail(error);
  }
  const code = await ended.promise;
  try {
    await service?.[Symbol.asyncDispose]();
  } catch (error) {
    log.error({ err: error }, 'service_stop_failed');
  }
  await tracing?.[Symbol.asyncDispose]();
  log.info({ code }, 'service_stopped');
  await output.flush(LAST_WORDS_MS);
  process.exit(code);
}

/** A log that the settings do not fit; no restart fixes that. */
function isUnfitServer(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'unfit_server';
}

function readConfig<S extends Settings>(settings: S): ConfigOf<S> {
  try {
    return parseConfig(settings, process.env);
  } catch (error) {
    refuse(error);
  }
}

function refuse(error: unknown): never {
  console.error(error instanceof Error ? error.message : error);
  process.exit(2);
}
