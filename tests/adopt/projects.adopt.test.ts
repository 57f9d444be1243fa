import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@errand/local-servers';
import { waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LocalFile } from '../../dev/data/local-file.ts';
import { type Registry, startRegistry } from './registry.ts';
import { filesBelow, newTeam, run, start, type Team } from './team.ts';
import { nodeFolder } from './tools.ts';

/*
 * Teams outside this repository, each from an empty folder and empty caches to a job of its own action, a webhook, its
 * tests and an executor as it is deployed. The printed times and sizes are those that the docs state.
 */

type Kind = 'typescript' | 'http' | 'python';

const IS_SHORT = process.env.ERRAND_ADOPT_SHORT === 'true';
const FORMS: [Team['manager'], 24 | 26, Kind][] = IS_SHORT
  ? [['npm', 24, 'typescript']]
  : [
      ['npm', 24, 'typescript'],
      ['npm', 26, 'typescript'],
      ['pnpm', 24, 'typescript'],
      ['pnpm', 26, 'typescript'],
      ['npm', 24, 'http'],
      ['npm', 24, 'python'],
    ];
/** From the empty folder to the first job's end, on two cores with cold caches. */
const FIRST_JOB_MS = 90_000;
const INPUT = '{"from":"2026-01-01","to":"2026-01-05"}';
const HELLO = `import { defineAction, z } from '@errand/actions';

export const hello = defineAction({
  name: 'hello',
  input: z.object({ name: z.string() }),
  result: z.object({ text: z.string() }),
  run: ({ input }) => ({ text: \`Hello, \${input.name}\` }),
});
`;

const nodes = { 24: await nodeFolder(24), 26: await nodeFolder(26) };
if (!nodes[24] || !nodes[26]) console.log('SKIPPED: there is no Node for this machine among the tools');

const resources = new AsyncDisposableStack();
let root: string;
let registry: Registry;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'errand-adopt-'));
  resources.defer(() => rm(root, { recursive: true }));
  // Postgres, which refuses to run as root, is another user and has to pass through.
  await chmod(root, 0o755);
  registry = resources.use(await startRegistry(root));
});
afterAll(() => resources.disposeAsync());

test.skipIf(!nodes[24] || !nodes[26]).each(FORMS)(
  '%s on Node %d: a project of kind %s',
  async (manager, node, kind) => {
    const team = await newTeam({
      manager,
      nodeFolder: nodes[node] ?? '',
      registry: registry.url,
      root: join(root, `${manager}-${node}-${kind}`),
    });
    const script = (name: string) => run(team, project, manager, 'run', name);
    const errand = (...args: string[]) =>
      manager === 'npm'
        ? run(team, project, 'npx', '--no-install', 'errand', ...args)
        : run(team, project, 'pnpm', 'exec', 'errand', ...args);

    const startMs = performance.now();
    const flag = kind === 'typescript' ? [] : [`--${kind}`];
    if (manager === 'npm')
      await run(team, team.folder, 'npm', 'create', '--yes', 'errand', 'reports', '--', ...flag);
    else await run(team, team.folder, 'pnpm', 'create', 'errand', 'reports', ...flag);
    const project = join(team.folder, 'reports');
    await run(team, project, manager, 'install');
    const installedMs = performance.now() - startMs;

    await using stack = new AsyncDisposableStack();
    const dev = stack.use(
      start(team, { cwd: project, command: manager, args: ['run', 'dev'], more: { ERRAND_PORT: '0' } }),
    );
    if (kind === 'http') {
      const endpoint = stack.use(start(team, { cwd: project, command: manager, args: ['run', 'endpoint'] }));
      await endpoint.says('listens on');
    }
    await dev.says('loaded report_export');
    const wait = ['--resource', 'report_id=orders', '--input', INPUT, '--wait', '--json'];
    const ended = JSON.parse(await errand('run', 'report_export', ...wait));
    const firstJobMs = performance.now() - startMs;
    expect(ended.status).toBe('succeeded');

    const listener = stack.use(
      start(team, {
        cwd: project,
        command: manager === 'npm' ? 'npx' : 'pnpm',
        args: [...(manager === 'npm' ? ['--no-install'] : ['exec']), 'errand', 'listen'],
      }),
    );
    await listener.says('listening');
    const { job_id } = JSON.parse(await errand('run', 'report_export', ...wait));
    await listener.says(job_id);
    expect(listener.output()).toMatch(/verified/);

    await script('test');
    if (kind === 'typescript') await script('types');
    expect(JSON.parse(await errand('check', '--json', '--env-file', '.env.example'))).toMatchObject({
      broken: [],
    });

    // As it is deployed: without what only development needs.
    const deployed = join(team.folder, 'deployed');
    await mkdir(join(deployed, 'actions'), { recursive: true });
    await cp(join(project, 'package.json'), join(deployed, 'package.json'));
    await writeFile(join(deployed, 'actions', 'hello.ts'), HELLO);
    await run(team, deployed, manager, 'install', ...(manager === 'npm' ? ['--omit=dev'] : ['--prod']));
    const local = JSON.parse(await readFile(join(project, '.errand', 'local.json'), 'utf8')) as LocalFile;
    const opsPort = String(await freePort());
    stack.use(
      start(team, {
        cwd: deployed,
        command: manager,
        args: ['start'],
        more: { NATS_URL: local.nats_url, ERRAND_OPS_PORT: opsPort },
      }),
    );
    const isReady = () =>
      fetch(`http://127.0.0.1:${opsPort}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      );
    await waitUntil(isReady, { timeoutMs: 60_000 });
    const hello = JSON.parse(await errand('run', 'hello', '--input', '{"name":"Ada"}', '--wait', '--json'));
    expect(hello.results).toEqual({ text: 'Hello, Ada' });

    const size = async (folder: string) =>
      (await run(team, folder, 'du', '-sm', 'node_modules')).split('\t')[0];
    console.log(`${manager}, Node ${node}, ${kind}:`, {
      installed_s: (installedMs / 1_000).toFixed(1),
      first_job_s: (firstJobMs / 1_000).toFixed(1),
      development_mb: await size(project),
      production_mb: await size(deployed),
    });
    expect(firstJobMs).toBeLessThan(FIRST_JOB_MS);
    // The package managers' own caches, and that of nats-server.
    const caches = ['.npm', '.cache', '.local', '.config', 'Library'];
    expect(await filesBelow(team.home, caches)).toEqual([]);
  },
);
