import { execFile, spawnSync } from 'node:child_process';
import { mkdtempDisposable, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { createProject, KINDS } from './create-project.ts';

const TEMPLATES = join(import.meta.dirname, '..', 'template');

test.each(KINDS)('a project of kind %s is made in a new folder', async (kind) => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'errand-create-'));
  const folder = join(dir.path, 'My reports');
  const next = await createProject({ folder, kind });
  expect(next).toContain(`cd '${folder}'`);
  const files = await readdir(folder);
  expect(files).toEqual(
    expect.arrayContaining(['.env', '.env.example', '.github', '.gitignore', 'Dockerfile']),
  );
  expect(files.filter((each) => each.startsWith('_'))).toEqual([]);
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  expect(manifest).toMatchObject({ name: 'my-reports', private: true, scripts: { dev: 'errand dev' } });
  expect(await readFile(join(folder, '.gitignore'), 'utf8')).toMatch(/^\.env$/m);
});

test('a folder with files is left as it is', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'errand-create-'));
  await writeFile(join(dir.path, 'mine.txt'), 'mine');
  await expect(createProject({ folder: dir.path, kind: 'typescript' })).rejects.toMatchObject({
    code: 'project_error',
    message: `${dir.path} is not empty (mine.txt): name a new folder, such as npm create errand my-actions`,
  });
  expect(await readdir(dir.path)).toEqual(['mine.txt']);
});

const hasPython = spawnSync('python3', ['--version']).status === 0;
if (!hasPython) console.log('SKIPPED: the programs of the Python template: there is no python3');

test.each([
  ['typescript', process.execPath, ['--test']],
  ...(hasPython ? [['python', 'python3', ['-m', 'unittest', 'discover', '-s', 'actions']] as const] : []),
] as const)('the tests of the %s template pass', async (kind, program, args) => {
  // What a runner of tests tells its children would be theirs as well, and under faketime Python cannot sleep.
  const { NODE_TEST_CONTEXT: _context, LD_PRELOAD: _faked, ...env } = process.env;
  await promisify(execFile)(program, args, {
    cwd: join(TEMPLATES, kind),
    env: { ...env, PYTHONDONTWRITEBYTECODE: '1' },
  });
});
