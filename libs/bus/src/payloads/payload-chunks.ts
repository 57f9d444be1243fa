/**
 * Cuts pieces of any size into chunks of one size; only the last may be shorter, and none is empty. A chunk shares no
 * memory with a piece, so whoever made the piece may reuse its memory. `allocate` returns memory for each chunk:
 * `chunkBytes` that nobody else uses any longer.
 */
export async function* intoChunks(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  chunkBytes: number,
  allocate: () => Uint8Array = () => new Uint8Array(chunkBytes),
): AsyncGenerator<Uint8Array, void, undefined> {
  let chunk = allocate();
  let filled = 0;
  for await (const piece of pieces) {
    let taken = 0;
    while (taken < piece.length) {
      const part = piece.subarray(taken, taken + chunkBytes - filled);
      chunk.set(part, filled);
      taken += part.length;
      filled += part.length;
      if (filled < chunkBytes) continue;
      yield chunk;
      chunk = allocate();
      filled = 0;
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled);
}
