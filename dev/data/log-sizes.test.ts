import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_TOPOLOGY, reservedBytes } from '@errand/contracts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type DataFolder, dataFolderAt } from './data-folder.ts';
import { roomText, settleRoom, sizesEnv, sizesFor } from './log-sizes.ts';

const GB = 1_000_000_000;
let folder: DataFolder;

beforeEach(async () => {
  folder = dataFolderAt(await mkdtemp(join(tmpdir(), 'errand-sizes-')));
});
afterEach(() => rm(folder.path, { recursive: true, force: true }));

const settle = (freeBytes: number, env: Record<string, string> = {}) =>
  settleRoom(folder, env, async () => freeBytes);

test.each([2, 18, 32, 60, 500])('on a disk with %d GB free the log takes half of it at most', (free) => {
  const sizes = sizesFor(free * GB);
  expect(reservedBytes({ ...DEFAULT_TOPOLOGY, ...sizes })).toBeLessThanOrEqual(free * GB * 0.5);
  // A rebuild reads the audit log: what JOBS holds must be there too.
  expect(sizes.auditMaxBytes === 0 || sizes.auditMaxBytes >= sizes.jobsMaxBytes).toBe(true);
});

test('if they fit, the limits are the defaults of the services', () => {
  expect(sizesFor(500 * GB)).toEqual({
    jobsMaxBytes: 10 * GB,
    payloadsMaxBytes: 5 * GB,
    deadLettersMaxBytes: GB,
    jobLogsMaxBytes: GB,
    configMaxBytes: 0.1 * GB,
    auditMaxBytes: 0,
  });
});

test('the sizes chosen at the first start stay, and are shown', async () => {
  const first = await settle(2 * GB);
  expect(first).toMatchObject({ freeBytes: 2 * GB, sizes: { jobsMaxBytes: 380_000_000 } });
  expect(await settle(500 * GB)).toEqual(first);
  expect(await settle(GB)).toEqual(first);
  expect(roomText(first)).toBe(
    'the log may hold 380 MB, large inputs and results 130 MB, the audit log 400 MB, based on the 2.0 GB free at the first start',
  );
  expect(sizesEnv(first.sizes)).toMatchObject({
    ERRAND_JOBS_MAX_BYTES: '380000000',
    ERRAND_AUDIT_MAX_BYTES: '400000000',
  });
  const reserved = reservedBytes({ ...DEFAULT_TOPOLOGY, ...first.sizes });
  expect(first.maxFileStoreBytes).toBeGreaterThan(reserved);
});

test('a folder that has a log already keeps the limits that it was made with', async () => {
  await mkdir(folder.natsDir);
  await writeFile(join(folder.natsDir, 'a.blk'), 'x');
  expect((await settle(2 * GB)).sizes).toMatchObject({ jobsMaxBytes: 10 * GB });
});

test('sizes from the environment take precedence, and are refused if the disk has no room for them', async () => {
  const given = { ERRAND_JOBS_MAX_BYTES: '400000000' };
  expect((await settle(2 * GB, given)).sizes).toMatchObject({
    jobsMaxBytes: 400_000_000,
    payloadsMaxBytes: 130_000_000,
  });
  await expect(settle(2 * GB, { ERRAND_JOBS_MAX_BYTES: '10000000000' })).rejects.toThrow(
    /may grow to 10\.\d GB.* has room for 2\.0 GB: lower ERRAND_JOBS_MAX_BYTES, or set ERRAND_DATA_DIR/,
  );
  await expect(settle(2 * GB, { ERRAND_JOBS_MAX_BYTES: 'much' })).rejects.toThrow(/ERRAND_JOBS_MAX_BYTES/);
});

test('the disk of another NATS is not checked', async () => {
  const given = { ERRAND_JOBS_MAX_BYTES: '10000000000', NATS_URL: 'nats://elsewhere:4222' };
  expect((await settle(2 * GB, given)).freeBytes).toBe(2 * GB);
});

test('a disk that is all but full is refused before anything is started', async () => {
  await expect(settle(100_000_000)).rejects.toThrow(
    /^100 MB are free on the disk of .*, but Errand needs 300 MB: free some space, or set ERRAND_DATA_DIR/,
  );
});
