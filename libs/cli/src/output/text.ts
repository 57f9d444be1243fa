import { cellsOf, padCells } from './cells.ts';

/*
 * Lines for people. Data from a server may hold anything, so whatever could steer a terminal is blanked out.
 */

/** One line without control characters. */
export function plain(value: unknown): string {
  return String(value ?? '')
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ')
    .toWellFormed();
}

/** Lines without control characters other than their line feeds. */
export function plainLines(text: string): string {
  return text.split('\n').map(plain).join('\n');
}

/** One word of a line to paste into a shell, whatever it holds. */
export function shellWord(text: string): string {
  const word = plain(text);
  return /^[\w.,:=@%/+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** JSON in one line; its texts cannot steer a terminal either. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Columns as wide as their widest cell. */
export function table(head: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const cells = [head, ...rows.map((row) => row.map(plain))];
  const widths = head.map((_, column) => Math.max(...cells.map((row) => cellsOf(row[column] ?? ''))));
  return cells
    .map((row) =>
      row
        .map((cell, column) => padCells(cell, widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** A line for each entry that has something to say. */
export function facts(entries: Readonly<Record<string, unknown>>): string {
  const said = Object.entries(entries).filter(
    ([, value]) => value !== undefined && value !== null && value !== '',
  );
  return table(['', ''], said).split('\n').slice(1).join('\n');
}

/** `a=1 b=2`; empty for nothing. */
export function pairs(values: Readonly<Record<string, unknown>> | null | undefined): string {
  return Object.entries(values ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

/** JSON in at most that many characters. */
export function briefly(value: unknown, most = 400): string {
  const text = JSON.stringify(value) ?? '';
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
