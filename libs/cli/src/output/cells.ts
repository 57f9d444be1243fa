import stringWidth from 'string-width';

/*
 * How wide text is on a terminal, in cells. Terminals do not agree on every mark and emoji; where they differ, what may
 * wrap counts as wide.
 */

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

export const cellsOf = (text: string): number => stringWidth(text);

/** As much of the text as has room, without half a character. Marks have to have room too: not all terminals combine them. */
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

/** Spaces behind the text up to a width. */
export function padCells(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - cellsOf(text)));
}
