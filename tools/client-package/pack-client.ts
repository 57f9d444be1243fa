import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * Packs a built client in its folder, as `npm publish` would; resolves with the file. `npm install` takes a copy of a file,
 * and of a folder but a link to it.
 */
export async function packClient(folder: string): Promise<string> {
  const args = ['pack', '--silent', '--pack-destination', folder];
  const { stdout } = await promisify(execFile)('npm', args, { cwd: folder });
  return join(folder, stdout.trim());
}
