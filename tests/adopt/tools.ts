import { access } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Third-party programs. They and their dependencies are not among the workspaces. */
export const TOOLS = join(import.meta.dirname, '..', 'adopt-tools');

export function tool(name: string): string {
  return join(TOOLS, 'node_modules', '.bin', name);
}

/** The folder of a version of Node: 24 is the oldest that Errand runs on. Undefined if it is not made for this machine. */
export async function nodeFolder(major: 24 | 26): Promise<string | undefined> {
  const path = join(TOOLS, 'node_modules', `node-${major}-linux-x64`, 'bin', 'node');
  return access(path).then(
    () => dirname(path),
    () => undefined,
  );
}
