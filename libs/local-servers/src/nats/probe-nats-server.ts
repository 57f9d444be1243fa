import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Older servers ignore the subject of an append's guard without an error. */
export const MIN_NATS_VERSION = '2.12.0';

/** A nats-server that was run and found new enough. */
export interface NatsBinary {
  path: string;
  version: string;
  /** Where it came from, in words for a log line. */
  source: string;
}

/** Resolves to the binary at `path`, or rejects when it cannot be run or is older than 2.12. */
export async function probeNatsServer(path: string, source: string): Promise<NatsBinary> {
  await access(path, constants.X_OK);
  const { stdout } = await run(path, ['--version'], { timeout: 10_000 });
  const version = /v(\d+\.\d+\.\d+\S*)/.exec(stdout)?.[1];
  if (version === undefined) throw new Error(`${path} did not print a version`);
  if (!isAtLeast(version, MIN_NATS_VERSION)) {
    throw new Error(`${path} is ${version}, older than ${MIN_NATS_VERSION}`);
  }
  return { path, version, source };
}

/** Whether `version` is `minimum` or newer by its three numbers; a pre-release counts as its release. */
export function isAtLeast(version: string, minimum: string): boolean {
  const numbers = (text: string) => (text.split('-')[0] ?? '').split('.').map(Number);
  const [have, need] = [numbers(version), numbers(minimum)];
  for (let i = 0; i < 3; i++) {
    const difference = (have[i] ?? 0) - (need[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
