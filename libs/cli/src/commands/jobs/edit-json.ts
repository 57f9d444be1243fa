import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CannotRun } from '../../cannot-run.ts';
import type { World } from '../../command.ts';
import { readJson } from '../../settings/read-values.ts';

/** Lets the user change a value in $VISUAL or $EDITOR. @throws CannotRun */
export async function editJson(
  value: unknown,
  { env, stdin }: Pick<World, 'env' | 'stdin'>,
): Promise<unknown> {
  const editor = env.VISUAL || env.EDITOR;
  if (!editor) throw new CannotRun('set EDITOR to the program to edit with, or give --input');
  const folder = await mkdtemp(join(tmpdir(), 'errand-'));
  const file = join(folder, 'input.json');
  try {
    await writeFile(file, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
    // The variable may hold arguments too, such as `code --wait`.
    const child = spawn(`${editor} "$ERRAND_EDITED_FILE"`, {
      shell: true,
      stdio: 'inherit',
      env: { ...env, ERRAND_EDITED_FILE: file },
    });
    const [code] = await once(child, 'exit');
    if (code !== 0) throw new CannotRun(`${editor} ended with ${code}; nothing was asked for`);
    return await readJson(await readFile(file, 'utf8'), stdin, 'the edited input');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
