import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Action, Attempt, ProgressCall } from '@errand/actions';
import { loadDeclarations } from '../src/declared/load-declarations.ts';

/* Test-only: actions.yaml files in a folder that goes away, and single attempts of what they declare. */

export interface TestFile extends AsyncDisposable {
  readonly folder: string;
  load(yaml: string): Promise<Action[]>;
  one(yaml: string): Promise<Action>;
}

export async function createTestFile(env: Record<string, string> = {}): Promise<TestFile> {
  const folder = await mkdtemp(join(tmpdir(), 'errand-actions-'));
  const file = join(folder, 'actions.yaml');
  const load = async (yaml: string) => {
    await writeFile(file, yaml);
    return loadDeclarations(file, folder, { PATH: process.env.PATH, ...env });
  };
  return {
    folder,
    load,
    async one(yaml) {
      const [action] = await load(yaml);
      if (!action) throw new Error('declares no action');
      return action;
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

export interface Run {
  readonly progress: ProgressCall[];
  readonly logged: { message: string; fields: unknown }[];
  readonly outputs: unknown[];
  readonly result: Promise<unknown>;
}

/** Runs one attempt of a declared action, without its schemas. */
export function runOnce(action: Action, given: Partial<Attempt<unknown, string>> = {}): Run {
  const progress: ProgressCall[] = [];
  const logged: Run['logged'] = [];
  const outputs: unknown[] = [];
  const result = action.run({
    jobId: '0199a000-0000-7000-8000-000000000000',
    tenantId: 'acme',
    input: {},
    resource: {},
    metadata: {},
    attempt: 1,
    signal: new AbortController().signal,
    progress: (percent, message) =>
      void progress.push({ percent, ...(message === undefined ? {} : { message }) }),
    log: (message, fields) => void logged.push({ message, fields }),
    output: (value) => void outputs.push(value),
    saveResult: () => Promise.reject(new Error('declared actions save no files')),
    readResult: async () => ({ kind: 'unknown' }),
    callbackUrl: async () => 'https://errand.example/callbacks/t',
    ...given,
  });
  return { progress, logged, outputs, result };
}
