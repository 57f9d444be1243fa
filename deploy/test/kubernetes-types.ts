import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Resource, TOOLS } from './helm.ts';

const GENERATED = join(TOOLS, '.generated', 'types');

/** The module that knows resources of this version. */
function moduleOf({ apiVersion }: Resource): string {
  if (apiVersion.startsWith('keda.sh/')) return `@kubernetes-models/keda/${apiVersion}`;
  if (apiVersion.startsWith('monitoring.coreos.com/'))
    return `@kubernetes-models/prometheus-operator/${apiVersion}`;
  // The modules of built-in groups drop the ending that all of them have.
  return `kubernetes-models/${apiVersion}`;
}

type Model = new (resource: Resource) => { validate(): void };

/** Checks values against the schemas of Kubernetes: ranges, formats, required members. @throws for the first wrong one */
export async function validateResource(resource: Resource): Promise<void> {
  const path = join(TOOLS, 'node_modules', moduleOf(resource), 'index.js');
  const models = (await import(pathToFileURL(path).href)) as Record<string, Model>;
  const Kind = models[resource.kind];
  if (!Kind) throw new Error(`there is no model of ${resource.kind}`);
  new Kind(resource).validate();
}

/**
 * What the compiler says of the resources as literals of their types, which refuse unknown members too; empty if nothing.
 */
export async function compileResources(name: string, resources: readonly Resource[]): Promise<string> {
  const folder = join(GENERATED, name);
  await mkdir(folder, { recursive: true });
  const lines = resources.map(
    (resource, index) =>
      `import type { I${resource.kind} as T${index} } from '${moduleOf(resource)}';\n` +
      `export const r${index}: T${index} = ${JSON.stringify(resource)};\n`,
  );
  await writeFile(join(folder, 'resources.ts'), lines.join(''));
  const options = { noEmit: true, strict: true, module: 'nodenext', skipLibCheck: true, types: [] };
  await writeFile(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: options, files: ['resources.ts'] }),
  );
  const compiler = join(
    dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
    'bin',
    'tsc',
  );
  return new Promise((resolve) => {
    execFile(process.execPath, [compiler, '-p', folder], (error, stdout, stderr) => {
      resolve(error ? stdout + stderr || error.message : '');
    });
  });
}
