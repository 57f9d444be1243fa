import { hash } from 'node:crypto';
import type { AuditEntry, AuditPage } from '@errand/bus';
import type { AuditExportHeader, AuditExportManifest } from '@errand/contracts';

/*
 * Writes the format that libs/contracts/src/http/audit-export.ts describes. A piece of it is made when the reader is ready for
 * one, so that a slow reader holds up the reading of the log and costs no memory.
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Closes `pages` when it ends, is canceled or fails. */
export function auditExport(options: {
  header: AuditExportHeader;
  pages: AsyncGenerator<AuditPage, void, undefined>;
  /** What was filed at or after this time is left out, Unix milliseconds. */
  untilMs: number;
}): ReadableStream<Uint8Array> {
  const { pages, untilMs } = options;
  const lines = createLines(options.header);
  let piece: string | undefined = lines.head;

  async function next(): Promise<string | undefined> {
    const page = await pages.next();
    if (page.done) return undefined;
    const entries = page.value.entries.filter(({ filedMs }) => filedMs < untilMs);
    const text = entries.map(lines.lineOf).join('');
    if (entries.length === page.value.entries.length) return text;
    await pages.return();
    return text;
  }

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        while (piece === '') piece = await next();
        controller.enqueue(encoder.encode(piece ?? lines.manifest()));
        if (piece === undefined) return controller.close();
        piece = '';
      },
      async cancel() {
        await pages.return();
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
  return {
    head: `${head}\n`,
    lineOf(entry: AuditEntry): string {
      const { position, version } = entry;
      const body = `{"position":${position},"version":${version},"filed_at":"${filedAt(entry)}",${eventOf(entry)}`;
      chain = hash('sha256', chain + body, 'hex');
      count++;
      first ??= entry;
      last = entry;
      return `${body},"hash":"${chain}"}\n`;
    },
    manifest(): string {
      const manifest: AuditExportManifest = {
        manifest: {
          count,
          first_position: first?.position ?? null,
          last_position: last?.position ?? null,
          first_filed_at: first ? filedAt(first) : null,
          last_filed_at: last ? filedAt(last) : null,
          chain,
          complete: true,
        },
      };
      return `${JSON.stringify(manifest)}\n`;
    },
  };
}

function filedAt({ filedMs }: AuditEntry): string {
  return new Date(filedMs).toISOString();
}

/** The stored text itself where it is one line of JSON, which all that we write is. */
function eventOf({ data }: AuditEntry): string {
  try {
    const text = decoder.decode(data);
    if (!/[\r\n]/.test(text)) {
      JSON.parse(text);
      return `"event":${text}`;
    }
  } catch {
    // Told below.
  }
  return `"event":null,"body_base64":"${Buffer.from(data).toString('base64')}"`;
}
