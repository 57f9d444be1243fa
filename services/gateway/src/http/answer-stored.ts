import { brotliDecompressSync } from 'node:zlib';
import type { Ctx } from './request-log.ts';

/** A file of the program's own, sent as it is stored to whoever takes brotli. */
export interface StoredFile {
  readonly compressed: Buffer<ArrayBuffer>;
  /** Media type of the text. */
  readonly type: string;
  /** Its name changes with what is in it. */
  readonly isForEver: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Made for the first caller who takes no brotli, and then kept: it costs some milliseconds and megabytes. */
const plain = new WeakMap<StoredFile['compressed'], Buffer<ArrayBuffer>>();

function plainOf({ compressed }: Pick<StoredFile, 'compressed'>): Buffer<ArrayBuffer> {
  const known = plain.get(compressed) ?? brotliDecompressSync(compressed);
  plain.set(compressed, known);
  return known;
}

export function answerStored(c: Ctx, file: StoredFile): Response {
  const { compressed, type, isForEver, headers } = file;
  const isCompressed = takesBrotli(c.req.header('accept-encoding') ?? '');
  return new Response(isCompressed ? compressed : plainOf(file), {
    headers: {
      'content-type': `${type}; charset=utf-8`,
      'cache-control': isForEver ? 'public, max-age=31536000, immutable' : 'no-cache',
      ...(isCompressed ? { 'content-encoding': 'br' } : {}),
      vary: 'accept-encoding',
      'x-content-type-options': 'nosniff',
      'x-request-id': c.env.requestId,
      ...headers,
    },
  });
}

/** RFC 9110, 12.5.3. */
function takesBrotli(acceptEncoding: string): boolean {
  return acceptEncoding.split(',').some((coding) => {
    const [name = '', weight = ''] = coding.split(';').map((part) => part.trim().toLowerCase());
    return name === 'br' && !/^q=0(?:\.0*)?$/.test(weight);
  });
}
