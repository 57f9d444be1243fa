import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompressSync, constants } from 'node:zlib';

/*
 * Puts Scalar's page for OpenAPI documents into the gateway: `npm run vendor:scalar`. As a dependency it would bring
 * three hundred packages; a browser needs only one file of it.
 */

const PACKAGE = '@scalar/api-reference@1.72.1';
const SHA512 = 'XpEJ0rfc/cXbCrR+iC4kK0o/WwX2dTtGQbT049OlPKAHD6IMIFdTeGz2r+M27P2EDWKyUITRm/NzlP8z2pw/Ow==';
const STANDALONE = 'package/dist/browser/standalone.js';
const TARGET = join(import.meta.dirname, '..', 'services', 'gateway', 'vendor');

/** The package's manifest says MIT; it ships no license text. */
const LICENSE = `${PACKAGE}, https://github.com/scalar/scalar

MIT License

Copyright (c) 2023-present Scalar

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation
files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy,
modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the
Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`;

const run = promisify(execFile);

async function main(): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'errand-scalar-'));
  try {
    const { stdout } = await run('npm', ['pack', PACKAGE, '--json', '--silent'], {
      cwd: dir,
      maxBuffer: 64 * 1_024 * 1_024,
    });
    const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
    const tarball = join(dir, filename.replace('@', '').replace('/', '-'));
    const found = createHash('sha512')
      .update(await readFile(tarball))
      .digest('base64');
    if (found !== SHA512) throw new Error(`${PACKAGE} is not the file that was looked at: sha512-${found}`);
    await run('tar', ['xzf', tarball, '-C', dir, STANDALONE]);
    const script = await readFile(join(dir, STANDALONE));
    const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_LGWIN, BROTLI_PARAM_SIZE_HINT } = constants;
    const compressed = brotliCompressSync(script, {
      params: {
        [BROTLI_PARAM_QUALITY]: 11,
        [BROTLI_PARAM_LGWIN]: 24,
        [BROTLI_PARAM_SIZE_HINT]: script.length,
      },
    });
    await mkdir(TARGET, { recursive: true });
    await writeFile(join(TARGET, 'scalar.js.br'), compressed);
    await writeFile(join(TARGET, 'scalar.LICENSE'), LICENSE);
    console.log(`${PACKAGE}: ${script.length} bytes, ${compressed.length} compressed`);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

await main();
