import type { BackupManifest } from '@errand/contracts';

/** Where a backup is kept. */
export interface BackupStore {
  /** Undefined if there is none. @throws BackupUnusable */
  readManifest(): Promise<BackupManifest | undefined>;
  writeManifest(manifest: BackupManifest): Promise<void>;
  /** Keeps a part; an incomplete one is kept by no name that `read` knows. */
  write(stream: string, chunks: AsyncIterable<Uint8Array>): Promise<{ bytes: number; sha256: string }>;
}

/** What is to be restored, or to be written to, cannot be used for that. */
export class BackupUnusable extends Error {
  override name = 'BackupUnusable';
  readonly code = 'backup_unusable';
  readonly retryable = false;
}
