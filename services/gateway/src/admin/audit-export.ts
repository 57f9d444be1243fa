import { hash } from 'node:crypto';
import type { AuditEntry, AuditPage, ConfigEntry } from '@errand/bus';
import type { AuditExportHeader, AuditExportManifest } from '@errand/contracts';

/*
 * Writes the format that libs/contracts/src/http/audit-export.ts describes. A piece of it is made when the reader is ready for
 * one, so that a slow reader holds up the reading of the log and costs no memory.
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Closes `pages` and `changes` when it ends, is canceled or fails. */
export function auditExport(options: {
  header: AuditExportHeader;
  pages: AsyncGenerator<AuditPage, void, undefined>;
  /** Of configuration. */
  changes: AsyncGenerator<ConfigEntry, void, undefined>;
  /** What was filed at or after this time is left out, Unix milliseconds. */
  untilMs: number;
}): ReadableStream<Uint8Array> {
  const { header, untilMs } = options;
  const lines = createLines(header);
  const pieces = piecesOf({ ...options, lines, untilMs });
  let piece: string | undefined = lines.head;

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        while (piece === '') piece = (await pieces.next()).value ?? undefined;
        controller.enqueue(encoder.encode(piece ?? lines.manifest()));
        if (piece === undefined) return controller.close();
        piece = '';
      },
      async cancel() {
        await pieces.return();
      },
    },
    // Without a queue of its own, the stream reads only once its reader has taken everything.
    { highWaterMark: 0 },
  );
}

/** The lines page by page; changes are put between the events by the times at which they were filed. */
async function* piecesOf(options: {
  pages: AsyncGenerator<AuditPage, void, undefined>;
  changes: AsyncGenerator<ConfigEntry, void, undefined>;
  lines: ReturnType<typeof createLines>;
  untilMs: number;
}): AsyncGenerator<string, void, undefined> {
  const { pages, lines, untilMs } = options;
  await using changes = changesUntil(options.changes, untilMs);
  let change = await changes.next();
  for await (const { entries } of pages) {
    const piece: string[] = [];
    for (const entry of entries) {
      if (entry.filedMs >= untilMs) break;
      while (change && change.filedMs <= entry.filedMs) {
        piece.push(lines.changeOf(change));
        change = await changes.next();
      }
      piece.push(lines.lineOf(entry));
    }
    yield piece.join('');
    if ((entries.at(-1)?.filedMs ?? 0) >= untilMs) break;
  }
  for (; change; change = await changes.next()) yield lines.changeOf(change);
}

function changesUntil(changes: AsyncGenerator<ConfigEntry, void, undefined>, untilMs: number) {
  return {
    async next(): Promise<ConfigEntry | undefined> {
      const { value } = await changes.next();
      return value && value.filedMs < untilMs ? value : undefined;
    },
    [Symbol.asyncDispose]: async () => void (await changes.return()),
  };
}

function createLines(header: AuditExportHeader) {
  const head = JSON.stringify(header);
  let chain = hash('sha256', head, 'hex');
  let count = 0;
  let first: AuditEntry | undefined;
  let last: AuditEntry | undefined;
  let filedFrom: string | undefined;
  let filedTo: string | undefined;

  function chained(body: string, filed: string): string {
    chain = hash('sha256', chain + body, 'hex');
    count++;
    filedFrom ??= filed;
    filedTo = filed;
    return `${body},"hash":"${chain}"}\n`;
  }

  return {
    head: `${head}\n`,
    lineOf(entry: AuditEntry): string {
      const { position, version } = entry;
      const filed = filedAt(entry);
      first ??= entry;
      last = entry;
      return chained(
        `{"position":${position},"version":${version},"filed_at":"${filed}",${eventOf(entry)}`,
        filed,
      );
    },
    changeOf(entry: ConfigEntry): string {
      const filed = filedAt(entry);
      return chained(
        `{"config_position":${entry.position},"filed_at":"${filed}","event":${entry.text}`,
        filed,
      );
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

function filedAt({ filedMs }: { filedMs: number }): string {
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
