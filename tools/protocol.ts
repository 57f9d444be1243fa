import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { asyncApiDocument } from './protocol/async-api.ts';
import { protocolSchemas } from './protocol/schemas.ts';

/**
 * The files of docs/protocol by path: the executor protocol in machine-readable form, generated from what the services
 * use.
 */
export function protocolFiles(): Map<string, string> {
  const schemas = Object.entries(protocolSchemas('draft-2020-12'));
  return new Map([
    ['asyncapi.json', jsonFile(asyncApiDocument())],
    ...schemas.map(([name, schema]) => [`schemas/${name}.json`, jsonFile(schema)] as const),
  ]);
}

function jsonFile(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

if (import.meta.main) {
  const folder = join(import.meta.dirname, '..', 'docs', 'protocol');
  for (const [path, text] of protocolFiles()) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}
