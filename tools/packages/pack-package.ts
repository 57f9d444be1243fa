import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * Packs a built package, by default in its folder, as `npm publish` would; resolves with the file. `npm install` copies a file, but
 * only links to a folder.
 */
export async function packPackage(folder: string, into = folder): Promise<string> {
  const args = ['pack', '--silent', '--pack-destination', into];
  const { stdout } = await promisify(execFile)('npm', args, { cwd: folder });
  return join(into, stdout.trim());
}
