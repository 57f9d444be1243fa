/*
 * How wide text is on a terminal, in cells. Terminals do not agree on every emoji; where they differ, it is the wider
 * one that counts here, so that nothing wraps.
 */

/** East Asian Width W and F (Unicode Standard Annex 11), in whole blocks. */
const IS_WIDE =
  /[\u1100-\u115f\u231a\u231b\u2329\u232a\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6b\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18cff}\u{1aff0}-\u{1b2ff}\u{1f000}-\u{1faff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;
const AS_EMOJI = '\ufe0f';
const IS_NOTHING = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

export function cellsOf(text: string): number {
  let cells = 0;
  for (const char of text) {
    if (char === AS_EMOJI) cells += 1;
    else if (!IS_NOTHING.test(char)) cells += IS_WIDE.test(char) ? 2 : 1;
  }
  return cells;
}

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
