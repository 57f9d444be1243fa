import { delimiter, join } from 'node:path';
import { fetchNatsDebian } from './fetch-nats-debian.ts';
import { fetchNatsRelease } from './fetch-nats-release.ts';
import { natsCachePath } from './nats-cache.ts';
import { MIN_NATS_VERSION, type NatsBinary, probeNatsServer } from './probe-nats-server.ts';

/** No step led to a nats-server of 2.12 or newer; the message lists each step with its reason. */
export class NatsServerNotFound extends Error {
  override readonly name = 'NatsServerNotFound';
  readonly code = 'nats_server_not_found';
}

interface Step {
  name: string;
  find: () => Promise<NatsBinary>;
}

let search: Promise<NatsBinary> | undefined;

/**
 * Resolves to a nats-server of 2.12 or newer, or rejects with NatsServerNotFound.
 *
 * | step | from |
 * |---|---|
 * | 1 | `NATS_SERVER_BIN`; when it is set, nothing else is tried |
 * | 2 | PATH, and the usual folders outside it |
 * | 3 | the cache that steps 4 and 5 fill |
 * | 4 | the official release, checked against a pinned checksum |
 * | 5 | the Debian package, unpacked privately |
 *
 * Callers that ask during a search share it. Processes may search at the same time.
 */
export function findNatsServer(): Promise<NatsBinary> {
  search ??= tryInTurn(steps(process.env)).finally(() => {
    search = undefined;
  });
  return search;
}

function steps(env: NodeJS.ProcessEnv): Step[] {
  const chosen = env.NATS_SERVER_BIN;
  if (chosen) return [{ name: 'NATS_SERVER_BIN', find: () => probeNatsServer(chosen, 'NATS_SERVER_BIN') }];
  return [
    { name: 'PATH', find: () => findOnPath(env.PATH ?? '') },
    { name: 'cache', find: () => probeNatsServer(natsCachePath(env), 'cache') },
    { name: 'official release', find: fetchNatsRelease },
    { name: 'Debian package', find: fetchNatsDebian },
  ];
}

async function tryInTurn(candidates: Step[]): Promise<NatsBinary> {
  const reasons: string[] = [];
  for (const { name, find } of candidates) {
    try {
      return await find();
    } catch (error) {
      reasons.push(`  ${name}: ${firstLine(error)}`);
    }
  }
  throw new NatsServerNotFound(
    `no usable nats-server (${MIN_NATS_VERSION} or newer):\n${reasons.join('\n')}\n` +
      'Install one, or set NATS_SERVER_BIN to a binary.',
  );
}

async function findOnPath(path: string): Promise<NatsBinary> {
  const file = process.platform === 'win32' ? 'nats-server.exe' : 'nats-server';
  const usual = ['/usr/local/bin', '/usr/sbin', '/opt/homebrew/bin'];
  const reasons: string[] = [];
  for (const dir of new Set([...path.split(delimiter), ...usual])) {
    if (dir === '') continue;
    try {
      return await probeNatsServer(join(dir, file), 'PATH');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') reasons.push(firstLine(error));
    }
  }
  throw new Error(reasons.join('; ') || 'none there');
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n', 1)[0] ?? '';
}
