import { hash } from 'node:crypto';
import type { AuditEntry, ConfigEntry } from '@errand/bus';
import type { AuditExportHeader, AuditExportManifest } from '@errand/contracts';
import { type AuditEntries, filedAt, membersOf } from './audit-entries.ts';

/*
 * Writes the format that libs/contracts/src/http/audit-export.ts describes. A piece of it is made when the reader is ready for
 * one, so that a slow reader holds up the reading of the log and costs no memory.
 */

const encoder = new TextEncoder();

/** Closes `entries` when it ends, is canceled or fails. */
export function auditExport(options: {
  header: AuditExportHeader;
  entries: AuditEntries;
}): ReadableStream<Uint8Array> {
  const { header, entries } = options;
  const lines = createLines(header);
  let piece: string | undefined = lines.head;

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        while (piece === '') piece = (await entries.next()).value?.map(lines.lineOf).join('');
        controller.enqueue(encoder.encode(piece ?? lines.manifest()));
        if (piece === undefined) return controller.close();
        piece = '';
      },
      async cancel() {
        await entries.return();
      },
    },
    // Without a queue of its own, the stream reads only once its reader has taken everything.
    { highWaterMark: 0 },
  );
}

function createLines(header: AuditExportHeader) {
  const head = JSON.stringify(header);
  let chain = hash('sha256', head, 'hex');
  let count = 0;
  let first: AuditEntry | undefined;
  let last: AuditEntry | undefined;
  let filedFrom: string | undefined;
  let filedTo: string | undefined;

  function chained(members: string, filed: string): string {
    const body = `{${members}`;
    chain = hash('sha256', chain + body, 'hex');
    count++;
    filedFrom ??= filed;
    filedTo = filed;
    return `${body},"hash":"${chain}"}\n`;
  }

  return {
    head: `${head}\n`,
    lineOf(entry: AuditEntry | ConfigEntry): string {
      if ('version' in entry) {
        first ??= entry;
        last = entry;
      }
      return chained(membersOf(entry), filedAt(entry));
    },
    manifest(): string {
      const manifest: AuditExportManifest = {
        manifest: {
          count,
          first_position: first?.position ?? null,
          last_position: last?.position ?? null,
          first_filed_at: filedFrom ?? null,
          last_filed_at: filedTo ?? null,
          chain,
          complete: true,
        },
      };
      return `${JSON.stringify(manifest)}\n`;
    },
  };
}
