import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { DEFAULT_TOPOLOGY, reservedBytes } from '@errand/contracts';
import { BUS_SETTINGS, ConfigError, parseConfig } from '@errand/runtime';
import { givenBy } from '../config.ts';
import { type DataFolder, readJson, writeJson } from './data-folder.ts';

/*
 * How large the streams may grow, given the disk that they are on. NATS reserves the sum of their limits, so the limits
 * of a large server would not even start on a small disk. They are chosen at the first start and kept, since shrinking
 * a stream may lose what it holds.
 *
 *   of the disk      half of what is free goes to the log; the rest is for Postgres, logs and everything else
 *   of that half     38 % JOBS, 40 % the audit log, 13 % payloads, 5 % dead letters, 3 % what jobs tell callers, 1 % records of
 *                    changes
 *   at most          the services' own defaults; where all of these fit, the audit log has no limit
 */

const LOG_SHARE = 0.5;
const SHARES = {
  jobsMaxBytes: 0.38,
  auditMaxBytes: 0.4,
  payloadsMaxBytes: 0.13,
  deadLettersMaxBytes: 0.05,
  jobLogsMaxBytes: 0.03,
  configMaxBytes: 0.01,
};
const DEFAULTS: LogSizes = parseConfig(sizeSettings(), {});
/** Share of Postgres' write-ahead log, which by default grows to a gigabyte. */
const WAL_SHARE = 1 / 8;
const MAX_WAL_BYTES = 1_000_000_000;
const MIN_FREE_BYTES = 300_000_000;
/** Room in addition to the streams: buckets, and what the server writes before it removes something old. */
const SLACK = 1.25;
const NO_LIMIT_BYTES = 10_000_000_000_000;

export interface LogSizes {
  readonly jobsMaxBytes: number;
  readonly payloadsMaxBytes: number;
  readonly deadLettersMaxBytes: number;
  readonly jobLogsMaxBytes: number;
  readonly configMaxBytes: number;
  /** 0 for no limit. */
  readonly auditMaxBytes: number;
}

/** What a data folder remembers. */
interface Remembered extends LogSizes {
  readonly freeBytes: number;
}

export interface Room {
  readonly sizes: LogSizes;
  /** For NATS. */
  readonly maxFileStoreBytes: number;
  /** For Postgres. */
  readonly maxWalBytes: number;
  /** What was free on the disk at the first start; undefined for a folder older than these sizes. */
  readonly freeBytes: number | undefined;
}

export function sizesFor(freeBytes: number): LogSizes {
  const logBytes = freeBytes * LOG_SHARE;
  if (reservedOf(DEFAULTS) <= logBytes) return DEFAULTS;
  const share = (key: keyof LogSizes) =>
    Math.floor(Math.min(logBytes * SHARES[key], DEFAULTS[key] || Number.POSITIVE_INFINITY));
  return {
    jobsMaxBytes: share('jobsMaxBytes'),
    payloadsMaxBytes: share('payloadsMaxBytes'),
    deadLettersMaxBytes: share('deadLettersMaxBytes'),
    jobLogsMaxBytes: share('jobLogsMaxBytes'),
    configMaxBytes: share('configMaxBytes'),
    auditMaxBytes: share('auditMaxBytes'),
  };
}

/**
 * The sizes of this folder's streams; values from the environment take precedence.
 * @throws ConfigError in words that say what to set, if the disk has no room
 */
export async function settleRoom(
  folder: DataFolder,
  env: Record<string, string | undefined>,
  freeBytesOf: (path: string) => Promise<number> = freeBytesAt,
): Promise<Room> {
  const freeBytes = await freeBytesOf(folder.path);
  if (freeBytes < MIN_FREE_BYTES) {
    throw new ConfigError(
      `${gigabytes(freeBytes)} are free on the disk of ${folder.path}, but Errand needs ${gigabytes(MIN_FREE_BYTES)}: ` +
        'free some space, or set ERRAND_DATA_DIR to a folder on another disk',
    );
  }
  const usedBytes = await bytesIn(folder.natsDir);
  const stored = await readJson<Partial<Remembered>>(folder.sizesFile);
  const remembered = stored ? withNewer(stored) : await firstSizes(folder, { freeBytes, usedBytes });
  // A NATS that is somebody else's has its own disk.
  const given = givenBy(env).natsUrl === undefined ? givenSizes(env) : {};
  const sizes = { ...remembered, ...given };
  const reserved = reservedOf(sizes);
  if (Object.keys(given).length > 0 && reserved > freeBytes + usedBytes) {
    throw new ConfigError(
      `the log may grow to ${gigabytes(reserved)}, but the disk of ${folder.path} has room for ` +
        `${gigabytes(freeBytes + usedBytes)}: lower ${Object.keys(given).map(envOf).join(', ')}, or set ` +
        'ERRAND_DATA_DIR to a folder on another disk',
    );
  }
  return {
    sizes,
    maxFileStoreBytes: sizes.auditMaxBytes === 0 ? NO_LIMIT_BYTES : Math.ceil(reserved * SLACK),
    maxWalBytes: Math.min(MAX_WAL_BYTES, (remembered.freeBytes ?? freeBytes) * WAL_SHARE),
    freeBytes: remembered.freeBytes,
  };
}

/** A folder of 0.2.0 knows nothing of the records of changes, nor of what jobs tell callers. */
function withNewer(stored: Partial<Remembered>): LogSizes & { freeBytes?: number } {
  const { deadLettersMaxBytes = DEFAULTS.deadLettersMaxBytes } = stored;
  return { ...DEFAULTS, jobLogsMaxBytes: deadLettersMaxBytes, ...stored };
}

/** A folder that has a log already keeps the limits that it was made with. */
async function firstSizes(
  folder: DataFolder,
  { freeBytes, usedBytes }: { freeBytes: number; usedBytes: number },
): Promise<LogSizes & { freeBytes?: number }> {
  if (usedBytes > 0) return DEFAULTS;
  const first: Remembered = { ...sizesFor(freeBytes), freeBytes };
  await writeJson(folder.sizesFile, first);
  return first;
}

/** The settings that services get. */
export function sizesEnv(sizes: LogSizes): Record<string, string> {
  const keys = Object.keys(sizeSettings()) as (keyof LogSizes)[];
  return Object.fromEntries(keys.map((key) => [envOf(key), String(sizes[key])]));
}

/** Shown on the terminal. */
export function roomText({ sizes, freeBytes }: Room): string {
  const { jobsMaxBytes, payloadsMaxBytes, auditMaxBytes } = sizes;
  const audit =
    auditMaxBytes === 0 ? 'the audit log without limit' : `the audit log ${gigabytes(auditMaxBytes)}`;
  const of = freeBytes === undefined ? '' : `, based on the ${gigabytes(freeBytes)} free at the first start`;
  return `the log may hold ${gigabytes(jobsMaxBytes)}, large inputs and results ${gigabytes(payloadsMaxBytes)}, ${audit}${of}`;
}

function sizeSettings() {
  const { jobsMaxBytes, payloadsMaxBytes, deadLettersMaxBytes, jobLogsMaxBytes } = BUS_SETTINGS;
  const { configMaxBytes, auditMaxBytes } = BUS_SETTINGS;
  return {
    jobsMaxBytes,
    payloadsMaxBytes,
    deadLettersMaxBytes,
    jobLogsMaxBytes,
    configMaxBytes,
    auditMaxBytes,
  };
}

function envOf(key: string): string {
  return sizeSettings()[key as keyof LogSizes].env;
}

/** @throws ConfigError */
function givenSizes(env: Record<string, string | undefined>): Partial<LogSizes> {
  const set = Object.entries(sizeSettings()).filter(([, setting]) => env[setting.env]);
  return parseConfig(Object.fromEntries(set), env);
}

function reservedOf(sizes: LogSizes): number {
  return reservedBytes({ ...DEFAULT_TOPOLOGY, ...sizes });
}

async function freeBytesAt(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}

async function bytesIn(dir: string): Promise<number> {
  const names = await readdir(dir, { recursive: true }).catch(() => []);
  const sizes = names.map((name) =>
    stat(join(dir, name)).then(
      ({ size, blocks }) => Math.min(size, blocks * 512),
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

function gigabytes(bytes: number): string {
  return bytes < 1e9 ? `${Math.floor(bytes / 1e6)} MB` : `${(Math.floor(bytes / 1e8) / 10).toFixed(1)} GB`;
}
