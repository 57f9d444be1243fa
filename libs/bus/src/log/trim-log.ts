import { JOBS_STREAM } from '@errand/contracts';
import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream';
import { orUnavailable } from '../read/read-pages.ts';

/*
 * The oldest events leave JOBS by their age: `max_age` is lowered for a moment. Purges would stop all appends, or take
 * events from the middle of the log; so a job's ending always leaves it last. Only deleted tenants leave holes in it.
 *
 * While `max_age` is lowered, its usual value stands in the stream's metadata, so that any process can put it back, and
 * beside it what nobody needs any more, so that anybody can tell whether too much has left.
 */

type Config = StreamInfo['config'];

const USUAL_AGE = 'errand.usual_max_age';
const NEEDED_FROM = 'errand.needed_from';

/** What JOBS holds, and what its last trim let go. Times are Unix milliseconds. */
interface LogWindow {
  readonly firstVersion: number;
  /** When its first event was stored; undefined for an empty log. */
  readonly firstMs: number | undefined;
  readonly lastVersion: number;
  /** How much of what it may hold, 0 to 1. */
  readonly fill: number;
  /** What it may hold, in bytes; 0 for no limit. */
  readonly maxBytes: number;
  /** What time it is by the server's clock, which is the one that lets events leave. */
  readonly nowMs: number;
  /** At the last trim, no event before this one was needed; undefined if there was none. */
  readonly neededFrom: NeededFrom | undefined;
}

export interface NeededFrom {
  readonly version: number;
  readonly storedMs: number;
}

export interface LogTrimmer {
  /** @throws LogUnavailable */
  readWindow(): Promise<LogWindow>;
  /** When an event was stored; undefined if the log does not hold it. @throws LogUnavailable */
  storedAt(version: number): Promise<number | undefined>;
  /**
   * Lets leave what was stored before a time, and resolves once it has or two seconds have passed. Nobody may need
   * anything before `neededFrom`.
   * @throws LogUnavailable
   */
  trim(wanted: { beforeMs: number; neededFrom: NeededFrom }): Promise<void>;
}

const TRIM_MS = 2_000;
const LOOK_MS = 50;
/** An age is measured from now on, so whoever was stopped before sending it has to measure it anew. */
const LONGEST_DELAY_MS = 1_000;
const MS_NS = 1_000_000;

export function createLogTrimmer(jsm: JetStreamManager): LogTrimmer {
  const info = () => jsm.streams.info(JOBS_STREAM);

  return {
    readWindow: () =>
      orUnavailable(async () => {
        const { state, config, ts } = await info();
        return {
          firstVersion: state.first_seq,
          firstMs: state.messages === 0 ? undefined : Date.parse(String(state.first_ts)),
          lastVersion: state.last_seq,
          fill: config.max_bytes > 0 ? state.bytes / config.max_bytes : 0,
          maxBytes: Math.max(0, config.max_bytes),
          nowMs: Date.parse(String(ts)),
          neededFrom: readNeededFrom(config.metadata),
        };
      }),
    storedAt: (seq) =>
      orUnavailable(async () => {
        const message = await jsm.streams.getMessage(JOBS_STREAM, { seq });
        return message ? message.time.getTime() : undefined;
      }),
    trim: ({ beforeMs, neededFrom }) =>
      orUnavailable(async () => {
        const askedAt = performance.now();
        const { config, ts } = await info();
        const maxAgeMs = Math.ceil(Date.parse(String(ts)) - beforeMs);
        if (performance.now() - askedAt > LONGEST_DELAY_MS) return;
        const metadata = {
          ...config.metadata,
          [NEEDED_FROM]: `${neededFrom.version} ${Math.floor(neededFrom.storedMs)}`,
          // Another process may be about to put it back.
          [USUAL_AGE]: config.metadata?.[USUAL_AGE] ?? String(config.max_age),
        };
        let found = await jsm.streams.update(JOBS_STREAM, { ...config, metadata, max_age: maxAgeMs * MS_NS });
        const giveUpAt = performance.now() + TRIM_MS;
        while (holdsOlder(found, beforeMs) && performance.now() < giveUpAt) {
          await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
          found = await info();
        }
        await putBackUsualAge(jsm, found.config);
      }),
  };
}

function holdsOlder({ state }: StreamInfo, thanMs: number): boolean {
  return state.messages > 0 && Date.parse(String(state.first_ts)) < thanMs;
}

/** Ends a trim, whoever began it: JOBS keeps its events for the usual time again. */
export async function putBackUsualAge(jsm: JetStreamManager, config: Config): Promise<void> {
  const usual = config.metadata?.[USUAL_AGE];
  if (usual === undefined) return;
  await jsm.streams.update(JOBS_STREAM, { ...withoutTrim(config), max_age: Number(usual) });
}

/** A stream's configuration as it is when no trim has begun, but for `max_age`. */
export function withoutTrim(config: Config): Config {
  const { [USUAL_AGE]: _, ...metadata } = config.metadata ?? {};
  return { ...config, metadata };
}

/** The usual value of `max_age`, whether or not a trim has begun. */
function usualAge({ metadata, max_age }: Config): number {
  return Number(metadata?.[USUAL_AGE] ?? max_age);
}

/**
 * Lets everything leave a log that was restored, so that it goes on at a version beyond all that there were. The scheduler
 * brings back what is needed of it, as after a trim that took too much. It may be done again.
 */
export async function leaveRestored(
  jsm: JetStreamManager,
  { config, neededFrom, next }: { config: Config; neededFrom: NeededFrom; next: number },
): Promise<void> {
  const metadata = {
    ...withoutTrim(config).metadata,
    [NEEDED_FROM]: `${neededFrom.version} ${Math.floor(neededFrom.storedMs)}`,
  };
  await jsm.streams.update(JOBS_STREAM, { ...config, metadata, max_age: usualAge(config) });
  await jsm.streams.purge(JOBS_STREAM, { seq: next });
}

export function isTrimming({ metadata }: Config): boolean {
  return metadata?.[USUAL_AGE] !== undefined;
}

function readNeededFrom(metadata: Record<string, string> | undefined): NeededFrom | undefined {
  const [version, storedMs] = (metadata?.[NEEDED_FROM] ?? '').split(' ').map(Number);
  return version && storedMs ? { version, storedMs } : undefined;
}
