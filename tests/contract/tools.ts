import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Third-party programs. They and their dependencies are not among the workspaces. */
export const TOOLS = join(import.meta.dirname, '..', 'contract-tools');
const GENERATED = join(TOOLS, '.generated');
const DOCUMENTS = '.generated-documents';

interface Ran {
  readonly code: number;
  readonly output: string;
}

/**
 * Runs one of the tools, by the name of its command or, if two have commands of the same name, by the path of its
 * script below `node_modules`; resolves even if it fails.
 */
export function runTool(
  name: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Ran> {
  const modules = join(TOOLS, 'node_modules');
  return name.endsWith('.js')
    ? run(process.execPath, [join(modules, name), ...args], env)
    : run(join(modules, '.bin', name), args, env);
}

/** Runs a script of the tools' folder under this Node. */
export function runScript(path: string, env: Record<string, string>): Promise<Ran> {
  return run(process.execPath, [path], env);
}

function run(file: string, args: readonly string[], env: Record<string, string>): Promise<Ran> {
  return new Promise((resolve) => {
    const options = { cwd: TOOLS, env: { ...process.env, ...env }, maxBuffer: 64 * 1_024 * 1_024 };
    execFile(file, args, options, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, output: (stdout + stderr).trim() });
    });
  });
}

/** Writes the document where the tools look for it, and removes what they made of an earlier one. */
export async function writeDocument(text: string): Promise<void> {
  await rm(GENERATED, { recursive: true, force: true });
  await mkdir(GENERATED);
  await writeFile(join(GENERATED, 'openapi.json'), text);
}

/** Adds a file that a tool has written to its output. */
export async function addGenerated(name: string, text: string): Promise<void> {
  await writeFile(join(GENERATED, name), text);
}

/** Adds a document for one proxy among others; resolves to its path below the tools' folder. */
export async function addDocument(text: string): Promise<string> {
  const path = `${DOCUMENTS}/${randomUUID()}.json`;
  await mkdir(join(TOOLS, DOCUMENTS), { recursive: true });
  await writeFile(join(TOOLS, path), text);
  return path;
}
