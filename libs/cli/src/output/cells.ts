import stringWidth from 'string-width';

/*
 * The width of text on a terminal, in cells, as the command counts it everywhere.
 */

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

export const cellsOf = (text: string): number => stringWidth(text);

/** As much of the text as fits, without half a character. Marks need room too: not all terminals combine them. */
export function fitCells(text: string, room: number): string {
  let cells = 0;
  let fitting = '';
  for (const { segment } of graphemes.segment(text)) {
    cells += Math.max(cellsOf(segment), segment.length);
    if (cells > room) return fitting;
    fitting += segment;
  }
  return fitting;
}

/** Pads the text with spaces up to a width. */
export function padCells(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - cellsOf(text)));
}
