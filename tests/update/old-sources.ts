import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '..', '..');
/** Whose members are workspaces, each a folder. */
const GROUPS = ['libs', 'services'];

export interface OldSources extends AsyncDisposable {
  readonly folder: string;
}

/**
 * The sources of an earlier commit, ready to run beside those of today: its workspaces find each other, and everything
 * else in the packages that are installed here.
 */
export async function checkOutOld(commit: string): Promise<OldSources> {
  const ignored = join(ROOT, '.errand');
  await mkdir(ignored, { recursive: true });
  const folder = await mkdtemp(join(ignored, 'old-'));
  const archive = join(folder, 'sources.tar');
  await run('git', ['archive', '-o', archive, commit], { cwd: ROOT });
  await run('tar', ['-xf', archive, '-C', folder]);
  for (const group of GROUPS) {
    for (const member of await readdir(join(folder, group), { withFileTypes: true })) {
      if (!member.isDirectory()) continue;
      const source = join(folder, group, member.name);
      const { name } = JSON.parse(await readFile(join(source, 'package.json'), 'utf8')) as { name: string };
      const link = join(folder, 'node_modules', name);
      await mkdir(join(link, '..'), { recursive: true });
      await symlink(source, link, 'dir');
    }
  }
  return {
    folder,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Notes each run of a job that came to its end, so that one that ran twice shows. */
const ACTION = `import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineAction, z } from '@errand/actions';
export const action = defineAction({
  name: 'hold', concurrency: 16,
  input: z.object({ ms: z.number() }), result: z.object({}),
  run: async ({ input, jobId, signal }) => {
    await sleep(input.ms, undefined, { signal });
    appendFileSync(process.env.ERRAND_TEST_RUNS, jobId + '\\n');
    return {};
  },
});
`;

/** Writes the action into a folder of sources, where it finds that version's packages. */
export async function writeAction(sources: string): Promise<string> {
  const folder = join(sources, '.errand');
  await mkdir(folder, { recursive: true });
  const file = join(await mkdtemp(join(folder, 'update-')), 'action.ts');
  await writeFile(file, ACTION);
  return file;
}
