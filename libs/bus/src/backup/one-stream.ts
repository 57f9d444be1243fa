import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { type BackupFolder, parseManifest } from './folder.ts';
import { type BackupStore, BackupUnusable } from './store.ts';

/*
 * A backup as one stream of bytes: frames, each a line of JSON and as many bytes as it says. A part begins with a frame
 * without bytes, as it may be begun anew. The manifest is the last frame.
 */

interface Frame {
  /** Absent for the manifest. */
  readonly stream?: string;
  readonly bytes: number;
}

const NEWLINE = 0x0a;
const LONGEST_LINE = 256;

/** Writes a backup; it cannot be gone on with once it was interrupted. */
export function streamStore(out: Writable): BackupStore {
  async function frame(about: Omit<Frame, 'bytes'>, bytes: Uint8Array): Promise<void> {
    out.write(`${JSON.stringify({ ...about, bytes: bytes.length })}\n`);
    if (!out.write(bytes)) await once(out, 'drain');
  }
  return {
    readManifest: async () => undefined,
    async writeManifest(manifest) {
      if (manifest.completed_at === null) return;
      await frame({}, new TextEncoder().encode(JSON.stringify(manifest)));
    },
    async write(stream, chunks) {
      const digest = createHash('sha256');
      let bytes = 0;
      await frame({ stream }, new Uint8Array());
      for await (const chunk of chunks) {
        digest.update(chunk);
        bytes += chunk.length;
        await frame({ stream }, chunk);
      }
      return { bytes, sha256: digest.digest('hex') };
    },
  };
}

/**
 * Keeps a backup that comes as one stream in a folder, so that it can be checked before anything is restored.
 * @throws BackupUnusable
 */
export async function unpack(from: Readable, folder: BackupFolder): Promise<void> {
  const reader = createFrameReader(from);
  let next = await reader.next();
  while (next?.stream !== undefined) {
    const { stream, bytes } = next;
    if (!/^\w+$/.test(stream) || bytes > 0) throw new BackupUnusable('the stream is no backup');
    next = await reader.next();
    await folder.write(stream, chunksOf(stream));
  }
  if (next === undefined) throw new BackupUnusable('the backup was cut off');
  await folder.writeManifest(parseManifest(new TextDecoder().decode(await reader.body(next))));

  /** The chunks of a part; leaves the frame behind them in `next`. */
  async function* chunksOf(stream: string): AsyncGenerator<Uint8Array> {
    while (next?.stream === stream && next.bytes > 0) {
      yield await reader.body(next);
      next = await reader.next();
    }
  }
}

function createFrameReader(from: Readable) {
  const chunks = from[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let rest: Buffer = Buffer.alloc(0);

  /** Until there are so many bytes; false at the end. */
  async function fill(bytes: number): Promise<boolean> {
    const parts = [rest];
    for (let length = rest.length; length < bytes; ) {
      const { done, value } = await chunks.next();
      if (done) return false;
      parts.push(value);
      length += value.length;
    }
    rest = parts.length === 1 ? rest : Buffer.concat(parts);
    return true;
  }

  function take(bytes: number): Buffer {
    const taken = rest.subarray(0, bytes);
    rest = rest.subarray(bytes);
    return taken;
  }

  return {
    /** The line of the next frame; undefined at the end. @throws BackupUnusable */
    async next(): Promise<Frame | undefined> {
      for (let length = 1; ; length = rest.length + 1) {
        const end = rest.indexOf(NEWLINE);
        if (end !== -1) return parseFrame(take(end + 1).toString());
        if (rest.length > LONGEST_LINE) throw new BackupUnusable('the stream is no backup');
        if (!(await fill(length))) return undefined;
      }
    },
    async body({ bytes }: Frame): Promise<Buffer> {
      if (!(await fill(bytes))) throw new BackupUnusable('the backup was cut off');
      return take(bytes);
    },
  };
}

function parseFrame(line: string): Frame {
  try {
    const frame = JSON.parse(line) as Frame;
    if (Number.isSafeInteger(frame.bytes) && frame.bytes >= 0) return frame;
  } catch {}
  throw new BackupUnusable('the stream is no backup');
}
