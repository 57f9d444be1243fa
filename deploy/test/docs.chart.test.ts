import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readBlocks } from '../../tests/e2e/page-blocks.ts';
import { exampleFile, hasHelm, renderFiles } from './helm.ts';

describe.skipIf(!hasHelm)('docs/kubernetes.md', () => {
  test('has values that the chart takes', async () => {
    const blocks = (await readBlocks('kubernetes.md', (text) => text)).filter(
      ({ info }) => info === 'yaml values',
    );
    expect(blocks.length).toBeGreaterThan(3);
    await using folder = await mkdtempDisposable(join(tmpdir(), 'errand-values-'));
    for (const [index, { text }] of blocks.entries()) {
      const file = join(folder.path, `${index}.yaml`);
      await writeFile(file, text);
      expect((await renderFiles([exampleFile('minimal'), file])).length).toBeGreaterThan(10);
    }
  });
});
