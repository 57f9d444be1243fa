import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { putIntoNatsCache } from './nats-cache.ts';
import type { NatsBinary } from './probe-nats-server.ts';
import { tarEntry } from './tar-entry.ts';

const VERSION = '2.14.6';
const DOWNLOAD_TIMEOUT_MS = 120_000;

/** From the SHA256SUMS file of the release. */
const RELEASES: Record<string, { platform: string; sha256: string }> = {
  'linux-x64': {
    platform: 'linux-amd64',
    sha256: '61c3d55f69f61ec616b75782250936445f2819e9e5f2ae6159b10a31abd2200c',
  },
  'linux-arm64': {
    platform: 'linux-arm64',
    sha256: '3ff6e463762db64186a36cf0276dae8320509e995151ad0153ba9c9f67eee3f9',
  },
  'darwin-x64': {
    platform: 'darwin-amd64',
    sha256: '239d4f3314334cc86cb12d7c252cf9b3461364451cc8ec5a39fb4915acd717c1',
  },
  'darwin-arm64': {
    platform: 'darwin-arm64',
    sha256: '291b9aa8c342b3cdcc53d872585bd467de4b5c9acf375066d882eb5412a09d55',
  },
};

/** Downloads the official release into the cache. Rejects unless its checksum is the one pinned here. */
export async function fetchNatsRelease(): Promise<NatsBinary> {
  const release = RELEASES[`${process.platform}-${process.arch}`];
  if (!release) throw new Error(`no release is pinned for ${process.platform}-${process.arch}`);
  const file = `nats-server-v${VERSION}-${release.platform}.tar.gz`;
  const url = `https://github.com/nats-io/nats-server/releases/download/v${VERSION}/${file}`;
  const archive = await download(url);
  const sha256 = createHash('sha256').update(archive).digest('hex');
  if (sha256 !== release.sha256) throw new Error(`${url} has sha256 ${sha256}, expected ${release.sha256}`);
  const server = tarEntry(gunzipSync(archive), 'nats-server');
  return putIntoNatsCache((path) => writeFile(path, server), `official release v${VERSION}`);
}

async function download(url: string): Promise<Buffer> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS) });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return Buffer.from(await response.arrayBuffer());
  } catch (error) {
    throw new Error(`${url}: ${rootMessage(error)}`, { cause: error });
  }
}

/** `fetch` says only "fetch failed"; the reason is its cause. */
function rootMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
