import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { putIntoNatsCache } from './nats-cache.ts';
import type { NatsBinary } from './probe-nats-server.ts';

const run = promisify(execFile);
const TIMEOUT_MS = 180_000;
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/**
 * Unpacks Debian's nats-server package into the cache, for machines that reach a package mirror but not GitHub. Nothing
 * is installed: apt runs on a private state directory, its signatures are checked, and the system's package lists and
 * sources stay as they are. It is taken from unstable, since stable's may be older than 2.12.
 */
export async function fetchNatsDebian(): Promise<NatsBinary> {
  if (process.platform !== 'linux') throw new Error('not a Debian system');
  const mirror = await debianMirror();
  const dir = await mkdtemp(join(tmpdir(), 'errand-apt-'));
  try {
    await mkdir(join(dir, 'lists', 'partial'), { recursive: true });
    await mkdir(join(dir, 'archives', 'partial'), { recursive: true });
    await writeFile(join(dir, 'sources.list'), `deb [signed-by=${KEYRING}] ${mirror} sid main\n`);
    const options = privateAptOptions(dir);
    await run('apt-get', [...options, 'update'], { cwd: dir, timeout: TIMEOUT_MS });
    await run('apt-get', [...options, 'download', 'nats-server'], { cwd: dir, timeout: TIMEOUT_MS });
    const archive = (await readdir(dir)).find((file) => file.endsWith('.deb'));
    if (archive === undefined) throw new Error('apt-get downloaded no package');
    await run('dpkg-deb', ['-x', archive, 'unpacked'], { cwd: dir, timeout: TIMEOUT_MS });
    const server = join(dir, 'unpacked', 'usr', 'sbin', 'nats-server');
    return await putIntoNatsCache((path) => copyFile(server, path), 'Debian package');
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** The mirror that this machine's apt is configured with. */
async function debianMirror(): Promise<string> {
  const query = ['indextargets', '--format', '$(ORIGIN) $(REPO_URI)', 'Created-By: Packages'];
  const { stdout } = await run('apt-get', query, { timeout: TIMEOUT_MS }).catch(() => {
    throw new Error('apt-get cannot be run');
  });
  const mirrors = stdout.split('\n').map((line) => line.split(' '));
  const mirror = mirrors.find(
    ([origin, uri]) => origin === 'Debian' && uri && !uri.includes('security'),
  )?.[1];
  if (mirror === undefined) throw new Error('apt has no package list of a Debian mirror (apt-get update?)');
  return mirror;
}

function privateAptOptions(dir: string): string[] {
  const settings = [
    `Dir::Etc::sourcelist=${join(dir, 'sources.list')}`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::State::Lists=${join(dir, 'lists')}`,
    `Dir::Cache=${dir}`,
    'Debug::NoLocking=1',
    'Acquire::Languages=none',
    // A lagging or pinned mirror has an expired but still signed release file.
    'Acquire::Check-Valid-Until=false',
    'APT::Sandbox::User=root',
  ];
  return ['-q', ...settings.flatMap((setting) => ['-o', setting])];
}
