import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/* Test-only: a folder of action files. */

export interface TestFolder extends AsyncDisposable {
  readonly path: string;
  /** Writes a file, and the folders on its way; resolves to its path. */
  write(name: string, text: string): Promise<string>;
}

export async function createTestFolder(): Promise<TestFolder> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'errand-actions-')));
  return {
    path,
    async write(name, text) {
      const file = join(path, name);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
      return file;
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

/** The text of a module with an action that answers `{ said }`. */
export function actionModule(name: string, { said = name, head = '' } = {}): string {
  return `${head}
import { defineAction, z } from '@errand/actions';
export const action = defineAction({
  name: '${name}',
  input: z.object({}),
  result: z.object({ said: z.string() }),
  run: () => ({ said: '${said}' }),
});
`;
}
