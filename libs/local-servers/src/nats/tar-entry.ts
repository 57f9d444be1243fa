const BLOCK_BYTES = 512;

/**
 * Returns the content of the first entry of a tar archive whose path ends in `/<name>`; throws if there is none.
 * Reads plain ustar headers (POSIX.1-1988): path in bytes 0-99, size in octal in bytes 124-135, all in blocks of 512.
 */
export function tarEntry(tar: Buffer, name: string): Buffer {
  let offset = 0;
  while (offset + BLOCK_BYTES <= tar.length && tar[offset] !== 0) {
    const path = tar.toString('utf8', offset, offset + 100).split('\0', 1)[0] ?? '';
    const sizeBytes = Number.parseInt(tar.toString('ascii', offset + 124, offset + 136), 8);
    const start = offset + BLOCK_BYTES;
    if (path.endsWith(`/${name}`)) return tar.subarray(start, start + sizeBytes);
    if (Number.isNaN(sizeBytes)) break;
    offset = start + Math.ceil(sizeBytes / BLOCK_BYTES) * BLOCK_BYTES;
  }
  throw new Error(`the archive holds no ${name}`);
}
