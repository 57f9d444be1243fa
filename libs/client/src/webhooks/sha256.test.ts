import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createSha256 } from './sha256.ts';

test('the digest is that of the platform, in whichever pieces the bytes come', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 }), (pieces) => {
      const digest = createSha256();
      const expected = createHash('sha256');
      for (const piece of pieces) {
        digest.update(piece);
        expected.update(piece);
      }
      expect(digest.hex()).toBe(expected.digest('hex'));
    }),
    { numRuns: 500 },
  );
});

test.each([0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1_000_003])(
  '%i bytes are padded correctly',
  (bytes) => {
    const content = new Uint8Array(bytes).fill(0xa5);
    const digest = createSha256();
    digest.update(content);
    expect(digest.hex()).toBe(createHash('sha256').update(content).digest('hex'));
  },
);
