const TOLD_EVERY_MS = 2_000;

/** Passes chunks on, and says every two seconds how many bytes have passed, until the signal fires. */
export function tellProgress(
  stream: string,
  {
    totalBytes,
    say,
    signal,
  }: { totalBytes: number; say: (line: string) => void; signal: AbortSignal | undefined },
): (chunks: AsyncIterable<Uint8Array>) => AsyncGenerator<Uint8Array> {
  return async function* pass(chunks) {
    let bytes = 0;
    let toldAt = performance.now();
    for await (const chunk of chunks) {
      signal?.throwIfAborted();
      yield chunk;
      bytes += chunk.length;
      if (performance.now() - toldAt < TOLD_EVERY_MS) continue;
      toldAt = performance.now();
      say(`${stream}  ${sizeText(bytes)} of about ${sizeText(totalBytes)}`);
    }
  };
}

export function sizeText(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
