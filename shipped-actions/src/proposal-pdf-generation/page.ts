import { fileURLToPath } from 'node:url';
import PDFDocument from 'pdfkit';

/* The look of a proposal: paper, typeface, colours, and the flow of blocks over pages. Lengths in points. */

export type Pdf = PDFKit.PDFDocument;

export const COLOURS = {
  ink: '#17212b',
  muted: '#5f6c78',
  hairline: '#d9dfe4',
  shade: '#f4f6f8',
  accent: '#0f6b57',
  bar: '#f0a73a',
  white: '#ffffff',
} as const;

const MARGIN = 56;
const FOOT = 64;
const PARAGRAPH_GAP = 7;

const FACES = {
  regular: fileURLToPath(import.meta.resolve('@expo-google-fonts/inter/400Regular/Inter_400Regular.ttf')),
  bold: fileURLToPath(import.meta.resolve('@expo-google-fonts/inter/600SemiBold/Inter_600SemiBold.ttf')),
};
type Face = keyof typeof FACES;

/** An A4 document whose bytes depend only on what is drawn. */
export function openPdf(about: { title: string; author: string; date: string }): Pdf {
  const pdf = new PDFDocument({
    size: 'A4',
    margins: { top: MARGIN, left: MARGIN, right: MARGIN, bottom: FOOT },
    // Page numbers include the total.
    bufferPages: true,
    lang: 'en',
    displayTitle: true,
    info: {
      Title: about.title,
      Author: about.author,
      Producer: 'Errand',
      Creator: 'Errand',
      CreationDate: new Date(about.date),
    },
  });
  for (const [face, file] of Object.entries(FACES)) pdf.registerFont(face, file);
  return pdf;
}

export function leftOf(pdf: Pdf): number {
  return pdf.page.margins.left;
}

export function widthOf(pdf: Pdf): number {
  return pdf.page.width - pdf.page.margins.left - pdf.page.margins.right;
}

/** The space for blocks on an empty page. */
function pageRoom(pdf: Pdf): number {
  return pdf.page.height - pdf.page.margins.top - pdf.page.margins.bottom;
}

/** Moves on to the next page if this one has less room. */
export function keepTogether(pdf: Pdf, height: number): void {
  if (pdf.y + height > pdf.page.height - pdf.page.margins.bottom) pdf.addPage();
}

export interface TextStyle {
  face?: Face;
  size?: number;
  colour?: string;
  align?: 'left' | 'right' | 'center';
  /** Fixed-width figures, for columns. */
  tabular?: boolean;
}

/**
 * Text in a box; returns the height that it took. Characters are composed, since the typeface has no combining ones.
 */
export function putText(
  pdf: Pdf,
  text: string,
  at: { x: number; y: number; width: number } & TextStyle,
): number {
  const composed = text.normalize('NFC');
  style(pdf, at);
  const options = { ...boxOf(at), align: at.align ?? 'left' } as const;
  const height = pdf.heightOfString(composed, options);
  pdf.text(composed, at.x, at.y, options);
  return height;
}

export function heightOf(pdf: Pdf, text: string, options: { width: number } & TextStyle): number {
  style(pdf, options);
  return pdf.heightOfString(text.normalize('NFC'), boxOf(options));
}

/** A heading on the same page as what follows, if `nextHeight` of that fits on a page with it. */
export function heading(pdf: Pdf, text: string, nextHeight: number): void {
  const width = widthOf(pdf);
  const height = heightOf(pdf, text, { width, face: 'bold', size: 14 });
  const next = nextHeight < pageRoom(pdf) - 60 ? nextHeight : 60;
  keepTogether(pdf, 22 + height + 8 + next);
  if (pdf.y > pdf.page.margins.top) pdf.y += 20;
  const y = pdf.y;
  pdf.y =
    y + putText(pdf, text, { x: leftOf(pdf), y, width, face: 'bold', size: 14, colour: COLOURS.accent }) + 8;
}

/** Running text over as many pages as it needs. */
export function paragraphs(pdf: Pdf, text: string): void {
  for (const paragraph of text.normalize('NFC').split(/(?:\r?\n){2,}/)) {
    if (paragraph.trim() === '') continue;
    style(pdf, { size: 10 });
    pdf.text(paragraph.trim(), leftOf(pdf), pdf.y, { width: widthOf(pdf), lineGap: 3 });
    pdf.y += PARAGRAPH_GAP;
  }
}

export function rule(pdf: Pdf, y: number, colour: string = COLOURS.hairline): void {
  const x = leftOf(pdf);
  pdf
    .moveTo(x, y)
    .lineTo(x + widthOf(pdf), y)
    .lineWidth(0.7)
    .stroke(colour);
}

/** The foot of every page. Called once, when all pages exist. */
export function foot(pdf: Pdf, text: string): void {
  const { start, count } = pdf.bufferedPageRange();
  for (let index = start; index < start + count; index++) {
    pdf.switchToPage(index);
    // Text below the margin would begin a new page.
    const { bottom } = pdf.page.margins;
    pdf.page.margins.bottom = 0;
    const y = pdf.page.height - 40;
    rule(pdf, y - 8);
    const line = { x: leftOf(pdf), y, width: widthOf(pdf), size: 8, colour: COLOURS.muted };
    putText(pdf, text, { ...line, width: line.width - 90 });
    putText(pdf, `Page ${index + 1} of ${count}`, { ...line, align: 'right' });
    pdf.page.margins.bottom = bottom;
  }
}

function boxOf({ width, tabular }: { width: number } & TextStyle) {
  return { width, lineGap: 1.5, ...(tabular ? { features: ['tnum' as const] } : {}) };
}

function style(pdf: Pdf, { face = 'regular', size = 10, colour = COLOURS.ink }: TextStyle): void {
  pdf.font(face).fontSize(size).fillColor(colour);
}
