import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '@errand/local-servers';
import { waitUntil } from '@errand/testkit';
import { buildPackage } from '../../tools/packages/build-package.ts';
import { PACKAGES, type PackageName } from '../../tools/packages/package-list.ts';
import { TOOLS } from './tools.ts';

const run = promisify(execFile);

/** A package registry on this machine. It asks another one for what was not published to it. */
export interface Registry extends AsyncDisposable {
  readonly url: string;
}

/** Starts one that has all packages of this repository. `root`: where it and they are kept. */
export async function startRegistry(root: string): Promise<Registry> {
  const folder = join(root, 'registry');
  await mkdir(folder, { recursive: true });
  const { stdout: upstream } = await run('npm', ['config', 'get', 'registry']);
  const url = `http://127.0.0.1:${await freePort()}/`;
  const everybody = { access: '$all', publish: '$all', unpublish: '$all' };
  const config = {
    storage: './storage',
    auth: { htpasswd: { file: './htpasswd' } },
    uplinks: { upstream: { url: upstream.trim(), cache: true, maxage: '1d' } },
    packages: {
      '@errand/*': everybody,
      '{errand,create-errand}': everybody,
      '**': { access: '$all', proxy: 'upstream' },
    },
    max_body_size: '100mb',
    log: { type: 'stdout', format: 'pretty', level: 'warn' },
  };
  // JSON is YAML.
  await writeFile(join(folder, 'config.yaml'), JSON.stringify(config));
  const program = join(TOOLS, 'node_modules', 'verdaccio', 'bin', 'verdaccio');
  const child = spawn(
    process.execPath,
    [program, '--config', join(folder, 'config.yaml'), '--listen', url.replace(/\/$/, '')],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const ended = once(child, 'exit');
  const answers = () =>
    fetch(`${url}-/ping`).then(
      ({ ok }) => ok,
      () => false,
    );
  await waitUntil(answers, { timeoutMs: 60_000 });
  const npmrc = join(folder, 'npmrc');
  // npm wants some token, and any will do.
  await writeFile(npmrc, `registry=${url}\n${url.replace('http:', '')}:_authToken=none\n`);
  const env = { ...process.env, npm_config_userconfig: npmrc };
  for (const name of Object.keys(PACKAGES) as PackageName[]) {
    const built = await buildPackage(name, join(root, 'packages', name));
    await run('npm', ['publish', '--silent'], { cwd: built, env });
  }
  return {
    url,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
