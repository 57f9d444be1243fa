import { axisMarks } from './axis.ts';
import { COLOURS, keepTogether, leftOf, type Pdf, putText, widthOf } from './page.ts';
import { figure, MONTHS } from './wording.ts';

const HEIGHT = 190;
const AXIS_WIDTH = 52;
const LABEL_HEIGHT = 22;
const TITLE_HEIGHT = 18;

/** Twelve bars over their months, on an axis in kWh, each with its figure. */
export function energyChart(pdf: Pdf, monthlyKwh: readonly number[]): void {
  keepTogether(pdf, TITLE_HEIGHT + HEIGHT + LABEL_HEIGHT);
  const left = leftOf(pdf) + AXIS_WIDTH;
  const width = widthOf(pdf) - AXIS_WIDTH;
  const top = pdf.y + TITLE_HEIGHT;
  const base = top + HEIGHT;
  const marks = axisMarks(Math.max(...monthlyKwh));
  const highest = marks.at(-1) ?? 1;
  const yOf = (kwh: number) => base - (kwh / highest) * HEIGHT;
  const small = { size: 8, colour: COLOURS.muted, tabular: true } as const;

  putText(pdf, 'AC energy per month, kWh', { x: leftOf(pdf), y: pdf.y, width: widthOf(pdf), ...small });
  for (const mark of marks) {
    const y = yOf(mark);
    pdf
      .moveTo(left, y)
      .lineTo(left + width, y)
      .lineWidth(mark === 0 ? 1 : 0.5);
    pdf.stroke(mark === 0 ? COLOURS.muted : COLOURS.hairline);
    const digits = highest < 10 ? 2 : 0;
    putText(pdf, figure(mark, digits), {
      x: left - AXIS_WIDTH,
      y: y - 5,
      width: AXIS_WIDTH - 8,
      align: 'right',
      ...small,
    });
  }
  const slot = width / monthlyKwh.length;
  for (const [index, kwh] of monthlyKwh.entries()) {
    const x = left + index * slot;
    const y = yOf(kwh);
    if (kwh > 0) pdf.rect(x + slot * 0.18, y, slot * 0.64, base - y).fill(COLOURS.bar);
    const label = figure(kwh, highest < 10 ? 1 : 0);
    putText(pdf, label, {
      x: x - 4,
      y: y - 12,
      width: slot + 8,
      align: 'center',
      size: 7.5,
      tabular: true,
      colour: COLOURS.ink,
    });
    putText(pdf, MONTHS[index] ?? '', { x, y: base + 7, width: slot, align: 'center', ...small });
  }
  pdf.y = base + LABEL_HEIGHT + 8;
}
