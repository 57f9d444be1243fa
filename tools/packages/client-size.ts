import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { buildPackage } from './build-package.ts';
import { bundle } from './bundle.ts';

/*
 * The size of the client on a page: bundled, minified and compressed as servers do. Prints kilobytes of 1,000 bytes.
 */

const dir = await mkdtemp(join(tmpdir(), 'errand-size-'));
try {
  const client = await buildPackage('@errand/client', join(dir, 'client'));
  const entries = {
    'all of it': `export * from './client/dist/index.js';`,
    'createErrand alone': `export { createErrand } from './client/dist/index.js';`,
    'verifyWebhook alone': `export { verifyWebhook } from './client/dist/index.js';`,
  };
  for (const [what, text] of Object.entries(entries)) {
    const entry = join(client, '..', 'entry.js');
    await writeFile(entry, text);
    const { code } = await bundle(entry, { minify: true });
    const kb = (bytes: number) => (bytes / 1_000).toFixed(2);
    const gzipped = gzipSync(code, { level: 9 }).length;
    console.log(`${what}: ${kb(Buffer.byteLength(code))} KB minified, ${kb(gzipped)} KB gzipped`);
  }
} finally {
  await rm(dir, { recursive: true, force: true });
}
