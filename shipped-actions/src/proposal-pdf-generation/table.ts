import { COLOURS, heading, heightOf, leftOf, type Pdf, putText, rule, widthOf } from './page.ts';

export interface Column {
  readonly title: string;
  /** Share of the page's width; all shares together are 1. */
  readonly share: number;
  readonly align?: 'left' | 'right';
}

const PAD = 5;
const SIZE = 9;

/**
 * A table under its heading, on one page if it fits there, otherwise over several with its head on each. The `last`
 * rows are sums and stand out.
 */
export function table(
  pdf: Pdf,
  columns: readonly Column[],
  content: { title: string; rows: readonly (readonly string[])[]; last?: readonly (readonly string[])[] },
): void {
  const { rows, last = [] } = content;
  const titles = columns.map(({ title }) => title);
  const heights = [
    ...rows.map((cells) => rowHeight(pdf, columns, cells)),
    ...[titles, ...last].map((cells) => rowHeight(pdf, columns, cells, 'bold')),
  ];
  heading(
    pdf,
    content.title,
    heights.reduce((sum, height) => sum + height, 0),
  );
  const all = [
    ...rows.map((cells) => ({ cells, isSum: false })),
    ...last.map((cells) => ({ cells, isSum: true })),
  ];
  putHead(pdf, columns);
  for (const [index, { cells, isSum }] of all.entries()) {
    // Sums must not stand alone at the top of a page.
    const together = index === rows.length - 1 ? all.slice(index) : [{ cells, isSum }];
    const needed = together.reduce(
      (sum, each) => sum + rowHeight(pdf, columns, each.cells, each.isSum ? 'bold' : 'regular'),
      0,
    );
    if (pdf.y + needed > pdf.page.height - pdf.page.margins.bottom) {
      pdf.addPage();
      putHead(pdf, columns);
    }
    const { y } = pdf;
    const height = rowHeight(pdf, columns, cells, isSum ? 'bold' : 'regular');
    if (isSum && index === rows.length) rule(pdf, y, COLOURS.ink);
    putCells(pdf, columns, { cells, y: y + PAD, face: isSum ? 'bold' : 'regular', colour: COLOURS.ink });
    pdf.y = y + height;
    if (!isSum) rule(pdf, pdf.y);
  }
  pdf.y += 6;
}

function putHead(pdf: Pdf, columns: readonly Column[]): void {
  const { y } = pdf;
  const titles = columns.map(({ title }) => title);
  const height = rowHeight(pdf, columns, titles, 'bold');
  pdf.rect(leftOf(pdf), y, widthOf(pdf), height).fill(COLOURS.shade);
  putCells(pdf, columns, { cells: titles, y: y + PAD, face: 'bold', colour: COLOURS.muted });
  pdf.y = y + height;
}

function putCells(
  pdf: Pdf,
  columns: readonly Column[],
  row: { cells: readonly string[]; y: number; face: 'regular' | 'bold'; colour: string },
): void {
  const { y, face, colour } = row;
  let x = leftOf(pdf);
  for (const [index, { share, align = 'left' }] of columns.entries()) {
    const width = share * widthOf(pdf);
    putText(pdf, row.cells[index] ?? '', {
      x: x + PAD,
      y,
      width: width - 2 * PAD,
      size: SIZE,
      face,
      colour,
      align,
      tabular: align === 'right',
    });
    x += width;
  }
}

function rowHeight(
  pdf: Pdf,
  columns: readonly Column[],
  cells: readonly string[],
  face: 'regular' | 'bold' = 'regular',
): number {
  const heights = columns.map(({ share, align = 'left' }, index) =>
    heightOf(pdf, cells[index] || ' ', {
      width: share * widthOf(pdf) - 2 * PAD,
      size: SIZE,
      face,
      tabular: align === 'right',
    }),
  );
  return Math.max(...heights) + 2 * PAD;
}
