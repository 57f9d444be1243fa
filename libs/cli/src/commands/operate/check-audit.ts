import { hash } from 'node:crypto';
import { AuditExportHeader, AuditExportLine, AuditExportManifest } from '@errand/contracts';

/*
 * Checks an export of the audit log, in the format of libs/contracts/src/http/audit-export.ts: that nothing in the file
 * was changed, left out, moved or added since it was written, and that it was written to its end. It cannot show
 * whether the log itself was rewritten before.
 */

export type AuditCheck =
  | {
      readonly kind: 'holds';
      readonly count: number;
      readonly chain: string;
      /** For an unfiltered export: whether the positions also have no gaps. Null if a filter makes gaps. */
      readonly isContiguous: boolean | null;
    }
  | {
      readonly kind: 'broken';
      /** Counts from 1. */
      readonly line: number;
      readonly reason: string;
    };

/** Reads one line at a time. `anchor`: the chain that the export must continue. */
export async function checkAudit(
  lines: AsyncIterable<string> | Iterable<string>,
  anchor?: string,
): Promise<AuditCheck> {
  const check = createCheck(anchor);
  let nr = 0;
  for await (const line of lines) {
    nr++;
    const reason = check.take(line);
    if (reason !== undefined) return { kind: 'broken', line: nr, reason };
  }
  const result = check.end();
  return result ?? { kind: 'broken', line: nr, reason: 'the file ends without its manifest: it was cut off' };
}

function createCheck(anchor: string | undefined) {
  let header: AuditExportHeader['export'] | undefined;
  let manifest: AuditExportManifest['manifest'] | undefined;
  let chain = '';
  let count = 0;
  let firstPosition: number | null = null;
  let lastPosition: number | null = null;
  let lastConfigPosition = 0;
  let isContiguous = true;

  function takeHeader(line: string): string | undefined {
    const parsed = AuditExportHeader.safeParse(readJson(line));
    if (!parsed.success) return 'it is not the header of an export';
    header = parsed.data.export;
    chain = hash('sha256', line, 'hex');
    if (anchor !== undefined && header.anchor !== anchor) return 'the export continues a different one';
    return undefined;
  }

  function takeManifest(line: string): string | undefined {
    const parsed = AuditExportManifest.safeParse(readJson(line));
    if (!parsed.success) return 'it is neither an event nor a manifest';
    manifest = parsed.data.manifest;
    if (manifest.chain !== chain)
      return 'the manifest has another chain: events after the last line are missing';
    const isSame =
      manifest.count === count &&
      manifest.first_position === firstPosition &&
      manifest.last_position === lastPosition;
    return isSame ? undefined : 'the manifest describes other events';
  }

  function takeEvent(line: string): string | undefined {
    const cut = line.lastIndexOf(',"hash":"');
    const parsed = AuditExportLine.safeParse(readJson(line));
    if (cut === -1 || !parsed.success) return 'it is not an exported event';
    const { position, config_position: configPosition, hash: told } = parsed.data;
    const place = position === undefined ? `config_position ${configPosition}` : `position ${position}`;
    const body = line.slice(0, cut);
    chain = hash('sha256', chain + body, 'hex');
    if (told !== chain || line !== `${body},"hash":"${told}"}`) {
      return `${place} does not follow the line before it: an event was changed, removed, moved or added here`;
    }
    count++;
    if (position === undefined) return takeChange(configPosition);
    if (lastPosition !== null && position <= lastPosition) return `${place} is not after ${lastPosition}`;
    if (lastPosition !== null && position !== lastPosition + 1) isContiguous = false;
    firstPosition ??= position;
    lastPosition = position;
    return undefined;
  }

  function takeChange(position: number | undefined): string | undefined {
    if (position === undefined) return 'it has no position';
    if (position <= lastConfigPosition)
      return `config_position ${position} is not after ${lastConfigPosition}`;
    lastConfigPosition = position;
    return undefined;
  }

  return {
    /** What is wrong with the line, if anything. */
    take(line: string): string | undefined {
      if (!header) return takeHeader(line);
      if (manifest) return 'there is content after the manifest';
      return line.startsWith('{"manifest":') ? takeManifest(line) : takeEvent(line);
    },
    end(): AuditCheck | undefined {
      if (!header || !manifest) return undefined;
      const { tenant, action, types } = header.query;
      const isFiltered = tenant !== null || action !== null || types !== null;
      return { kind: 'holds', count, chain, isContiguous: isFiltered ? null : isContiguous };
    },
  };
}

function readJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
