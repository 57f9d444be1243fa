import { expect, test } from 'vitest';
import { openPdf } from './page.ts';
import { line, paragraphs } from './printable-text.ts';

const schema = line(100);
const takes = (text: string) => schema.safeParse(text).success;

interface WithFont {
  _font: { font: { hasGlyphForCodePoint(code: number): boolean } };
}

test.each(['regular', 'bold'])('every accepted character can be printed (%s)', (face) => {
  const pdf = openPdf({ title: 't', author: 'a', date: '2026-01-01' }).font(face);
  const { font } = (pdf as unknown as WithFont)._font;
  const missing: string[] = [];
  for (let code = 0; code <= 0xffff; code++) {
    if (takes(String.fromCodePoint(code)) && !font.hasGlyphForCodePoint(code))
      missing.push(code.toString(16));
  }
  expect(missing).toEqual([]);
});

test.each(['Müller–Łódź', 'Zu\u0308rich', 'Ђорђе', 'Αθήνα', 'Nguyễn', '5 m² ≈ €100', 'O’Brien “Ltd”'])(
  '%s is taken',
  (text) => {
    expect(takes(text)).toBe(true);
  },
);

test.each(['日本', '🙂', 'a\u0000', 'a\u202e', 'a\u200b', '\ud800', 'a\nb', 'a\tb'])(
  '%j is refused',
  (text) => {
    expect(takes(text)).toBe(false);
  },
);

test('paragraphs also accept line ends, but nothing else', () => {
  expect(paragraphs(10).safeParse('a\r\n\nb').success).toBe(true);
  expect(paragraphs(10).safeParse('a\tb').success).toBe(false);
});
