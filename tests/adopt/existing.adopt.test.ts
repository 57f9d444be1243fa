import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Registry, startRegistry } from './registry.ts';
import { newTeam, run } from './team.ts';
import { nodeFolder } from './tools.ts';

/* Projects that are there already: one install and one file, whatever the project's compiler options are. */

const ACTION = `import { defineAction, z } from '@errand/actions';

export const addUp = defineAction({
  name: 'add_up',
  resource: 'ledgers/{ledger_id}',
  input: z.object({ amounts: z.array(z.number()) }),
  result: z.object({ total: z.number() }),
  run: ({ input, resource }) => ({ total: input.amounts.length + resource.ledger_id.length }),
});
`;

const EXPRESS = `import { createErrand } from '@errand/client';
import express from 'express';

const errand = createErrand({ url: 'http://127.0.0.1:8080', tenant: 'local', apiKey: 'key' });
const app = express();
app.post('/totals', async (_request, response) => {
  const job = await errand.run('add_up', { amounts: [1, 2] }, { resource: { ledger_id: 'l-1' } });
  response.status(202).json({ job_id: job.job_id });
});
export default app;
`;

const NEXT = `import { createErrand, verifyWebhook } from '@errand/client';
import { NextResponse } from 'next/server';

const errand = createErrand({ url: 'http://127.0.0.1:8080', tenant: 'local', apiKey: 'key' });
export async function POST(request: Request): Promise<NextResponse> {
  const webhook = await verifyWebhook(request.headers, await request.text(), 'whsec_secret');
  if (webhook.kind !== 'verified') return NextResponse.json({}, { status: 401 });
  const job = await errand.run('add_up', { amounts: [1, 2] });
  return NextResponse.json({ told: webhook.event.type, job_id: job.job_id });
}
`;

const PROJECTS = [
  {
    name: 'express',
    packages: ['express@5', '@types/express@5'],
    file: 'src/app.ts',
    text: EXPRESS,
    isBundled: false,
  },
  {
    name: 'next',
    packages: ['next@16', 'react@19', '@types/react@19'],
    file: 'app/api/route.ts',
    text: NEXT,
    // Its own modules are found by no other resolution.
    isBundled: true,
  },
];
const RESOLUTIONS = [
  ['node16', 'node16'],
  ['nodenext', 'nodenext'],
  ['esnext', 'bundler'],
] as const;

const IS_SHORT = process.env.ERRAND_ADOPT_SHORT === 'true';
const node = await nodeFolder(24);
if (!node || IS_SHORT) console.log('SKIPPED: existing projects, which are tried in the long form only');

const resources = new AsyncDisposableStack();
let root: string;
let registry: Registry;

beforeAll(async () => {
  if (!node || IS_SHORT) return;
  root = await mkdtemp(join(tmpdir(), 'errand-existing-'));
  resources.defer(() => rm(root, { recursive: true }));
  registry = resources.use(await startRegistry(root));
});
afterAll(() => resources.disposeAsync());

test.skipIf(!node || IS_SHORT).each(PROJECTS)(
  'an existing project of $name takes an action and a caller',
  async ({ name, packages, file, text, isBundled }) => {
    const team = await newTeam({
      manager: 'npm',
      nodeFolder: node ?? '',
      registry: registry.url,
      root: join(root, name),
    });
    const { folder } = team;
    await writeFile(join(folder, 'package.json'), JSON.stringify({ name, private: true, type: 'module' }));
    await run(
      team,
      folder,
      'npm',
      'install',
      '--ignore-scripts',
      'typescript@5.9',
      '@types/node@24',
      ...packages,
    );
    await run(
      team,
      folder,
      'npm',
      ...['install', '--ignore-scripts', 'errand', '@errand/actions', '@errand/client', '@errand/executor'],
    );
    for (const [path, content] of [
      ['actions/add-up.ts', ACTION],
      [file, text],
    ] as const) {
      await mkdir(join(folder, path, '..'), { recursive: true });
      await writeFile(join(folder, path), content);
    }
    for (const [module, moduleResolution] of RESOLUTIONS) {
      const compilerOptions = {
        target: 'es2024',
        lib: ['es2024', 'dom', 'dom.iterable', 'dom.asynciterable'],
        module,
        moduleResolution,
        strict: true,
        noEmit: true,
        types: ['node'],
        esModuleInterop: true,
        // Of the framework's own types; those of Errand are checked whole below.
        skipLibCheck: true,
      };
      const config = {
        compilerOptions,
        include: moduleResolution === 'bundler' || !isBundled ? ['actions', 'src', 'app'] : ['actions'],
      };
      await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
      await run(team, folder, 'npx', '--no-install', 'tsc');
      const whole = { compilerOptions: { ...compilerOptions, skipLibCheck: false }, include: ['actions'] };
      await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(whole));
      await run(team, folder, 'npx', '--no-install', 'tsc');
    }
    const checked = JSON.parse(await run(team, folder, 'npx', '--no-install', 'errand', 'check', '--json'));
    expect(checked).toEqual({
      actions: [{ name: 'add_up', path: 'ledgers/{ledger_id}/add_up', file: 'actions/add-up.ts' }],
      broken: [],
      unread: [],
    });
  },
);
