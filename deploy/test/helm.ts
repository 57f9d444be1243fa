import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';

/** Third-party programs and types. They are not among the workspaces. */
export const TOOLS = join(import.meta.dirname, '..', 'helm-tools');
export const CHART = join(import.meta.dirname, '..', 'helm', 'errand');
const RELEASE = 'errand';

const HELM = join(TOOLS, '.generated', 'helm');

/** Whether `npm run test:chart` has installed it. */
export const hasHelm = existsSync(HELM);

interface Ran {
  readonly code: number;
  readonly output: string;
}

/** Runs helm; resolves even if it fails. */
export function helm(...args: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(HELM, args, { maxBuffer: 64 * 1_024 * 1_024 }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, output: error ? stdout + stderr : stdout });
    });
  });
}

/** The names of the example values. */
export async function exampleNames(): Promise<string[]> {
  return (await readdir(join(CHART, 'ci'))).map((file) => file.replace('.yaml', '')).toSorted();
}

export function exampleFile(name: string): string {
  return join(CHART, 'ci', `${name}.yaml`);
}

/** What Kubernetes is told, as far as the tests look at it. */
export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec?: Record<string, unknown>;
  readonly data?: Record<string, string>;
}

/**
 * The chart with the example values and `sets` over them, each as `--set-json` has it.
 * @throws with Helm's message if it refuses them
 */
export async function render(example: string, ...sets: string[]): Promise<Resource[]> {
  return renderFiles([exampleFile(example)], sets);
}

/** The same with the values of several files, of which later ones take precedence. */
export async function renderFiles(
  files: readonly string[],
  sets: readonly string[] = [],
): Promise<Resource[]> {
  const values = [
    ...files.flatMap((file) => ['--values', file]),
    ...sets.flatMap((set) => ['--set-json', set]),
  ];
  const { code, output } = await helm('template', RELEASE, CHART, ...values);
  if (code !== 0) throw new Error(output);
  return parseAllDocuments(output).flatMap((document) => (document.toJS() as Resource | null) ?? []);
}
