import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BackupManifest, type BackupPart } from '@errand/contracts';
import { type BackupStore, BackupUnusable } from './store.ts';

const MANIFEST = 'manifest.json';
/** What is in a backup is for its operator alone. */
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

export interface BackupFolder extends BackupStore {
  read(stream: string): AsyncIterable<Uint8Array>;
  /** Whether a part is as the manifest says. */
  isWhole(part: BackupPart): Promise<boolean>;
}

/** A backup in a folder: a file for each stream, and the manifest, which lists those that are complete. */
export function openFolder(path: string): BackupFolder {
  const fileOf = (stream: string) => join(path, `${stream}.snapshot`);
  const read = (stream: string) => createReadStream(fileOf(stream));
  const write = async (...file: Parameters<typeof writeWhole>) => {
    await mkdir(path, { recursive: true, mode: FOLDER_MODE });
    return writeWhole(...file);
  };

  return {
    read,
    async readManifest() {
      const text = await readFile(join(path, MANIFEST), 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw error;
      });
      return text === undefined ? undefined : parseManifest(text);
    },
    async writeManifest(manifest) {
      const text = `${JSON.stringify(manifest, null, 2)}\n`;
      await write(join(path, MANIFEST), [new TextEncoder().encode(text)]);
    },
    write: (stream, chunks) => write(fileOf(stream), chunks),
    async isWhole({ stream, sha256 }) {
      try {
        const found = createHash('sha256');
        for await (const bytes of read(stream)) found.update(bytes);
        return found.digest('hex') === sha256;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
        throw error;
      }
    },
  };
}

/** @throws BackupUnusable */
export function parseManifest(text: string): BackupManifest {
  try {
    return BackupManifest.parse(JSON.parse(text));
  } catch (error) {
    throw new BackupUnusable('the manifest is not one of a backup that this version can read', {
      cause: error,
    });
  }
}

/** Writes a file beside its place, and moves it there once it is complete and on the disk. */
async function writeWhole(
  file: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<{ bytes: number; sha256: string }> {
  const partial = `${file}.partial`;
  const digest = createHash('sha256');
  let bytes = 0;
  await using handle = await open(partial, 'w', FILE_MODE);
  for await (const chunk of chunks) {
    digest.update(chunk);
    bytes += chunk.length;
    await handle.writeFile(chunk);
  }
  await handle.sync();
  await rename(partial, file);
  await syncFolder(dirname(file));
  return { bytes, sha256: digest.digest('hex') };
}

/** A file that was moved is lost with the power unless its folder is on the disk too. Some systems open no folders. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined);
  await folder?.sync().catch(() => {});
  await folder?.close();
}
