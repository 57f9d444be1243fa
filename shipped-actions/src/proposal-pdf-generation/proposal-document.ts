import type { PerformanceResult } from '../performance-simulation/result.ts';
import { energyChart } from './energy-chart.ts';
import type { ProposalInput } from './input.ts';
import {
  COLOURS,
  foot,
  heading,
  heightOf,
  leftOf,
  openPdf,
  type Pdf,
  paragraphs,
  putText,
  widthOf,
} from './page.ts';
import { type Quote, quoteOf } from './quote.ts';
import { table } from './table.ts';
import { figure, longDate, MONTHS, money, quantity } from './wording.ts';

/** A proposal as a PDF, complete and ready to be read. The same input gives the same bytes. */
export function proposalDocument(input: ProposalInput, simulation: PerformanceResult, designId: string): Pdf {
  const quote = quoteOf(input.price);
  const pdf = openPdf({ title: input.title, author: input.company.name, date: input.issued_on });
  head(pdf, input);
  parties(pdf, input, designId);
  keyFigures(pdf, simulation, quote);
  if (input.introduction) {
    pdf.y += 6;
    paragraphs(pdf, input.introduction);
  }
  heading(pdf, 'Energy over the year', 240);
  energyChart(
    pdf,
    simulation.monthly.map(({ ac_kwh }) => ac_kwh),
  );
  monthlyTable(pdf, simulation);
  systemTable(pdf, input, simulation);
  priceTable(pdf, quote);
  for (const section of input.sections) {
    heading(pdf, section.heading, 40);
    paragraphs(pdf, section.text);
  }
  signatures(pdf, input);
  foot(pdf, `${input.company.name} · Proposal ${input.number} · ${longDate(input.issued_on)}`);
  pdf.end();
  return pdf;
}

function head(pdf: Pdf, { company, title, number }: ProposalInput): void {
  const x = leftOf(pdf);
  const width = widthOf(pdf);
  pdf.rect(0, 0, pdf.page.width, 8).fill(COLOURS.accent);
  const y = 40;
  const used = putText(pdf, company.name, {
    x,
    y,
    width: width * 0.6,
    face: 'bold',
    size: 11,
    colour: COLOURS.accent,
  });
  putText(pdf, `Proposal ${number}`, { x, y, width, align: 'right', size: 9, colour: COLOURS.muted });
  pdf.y = y + used + 26;
  pdf.y += putTitle(pdf, title) + 16;
}

function putTitle(pdf: Pdf, title: string): number {
  return putText(pdf, title, { x: leftOf(pdf), y: pdf.y, width: widthOf(pdf), face: 'bold', size: 25 });
}

function parties(pdf: Pdf, input: ProposalInput, designId: string): void {
  const { customer, company, issued_on, valid_until } = input;
  const columns: [string, (string | undefined)[]][] = [
    ['Prepared for', [customer.name, ...customer.address_lines, customer.email]],
    ['Prepared by', [company.name, ...(company.address_lines ?? []), company.email, company.phone]],
    [
      'Details',
      [
        `Issued ${longDate(issued_on)}`,
        valid_until && `Valid until ${longDate(valid_until)}`,
        `Design ${designId}`,
      ],
    ],
  ];
  const gap = 18;
  const width = (widthOf(pdf) - 2 * gap) / 3;
  const top = pdf.y;
  let lowest = top;
  for (const [index, [title, lines]] of columns.entries()) {
    const x = leftOf(pdf) + index * (width + gap);
    let y = top + putText(pdf, title, { x, y: top, width, size: 8, colour: COLOURS.muted }) + 3;
    for (const [place, text] of lines.filter((line) => line !== undefined).entries()) {
      const isName = place === 0 && index < 2;
      y += putText(pdf, text, { x, y, width, size: 10, face: isName ? 'bold' : 'regular' }) + 1;
    }
    lowest = Math.max(lowest, y);
  }
  pdf.y = lowest + 18;
}

function keyFigures(pdf: Pdf, { annual, dc_kw }: PerformanceResult, quote: Quote): void {
  const figures: [string, string][] = [
    ['Energy in the first year', `${figure(annual.ac_kwh)} kWh`],
    ['System size', `${quantity(dc_kw)} kW DC`],
    ['Specific yield', `${figure(annual.specific_yield_kwh_kw)} kWh/kW`],
    [`Price with ${quote.taxName}`, money(quote.total, quote.currency)],
  ];
  const gap = 10;
  const width = (widthOf(pdf) - 3 * gap) / 4;
  const inner = width - 20;
  // A price of nine digits must not overflow its card.
  const fits = (size: number) =>
    figures.every(([, value]) => heightOf(pdf, value, { width: inner, face: 'bold', size }) < size * 2);
  const size = [13, 12, 11, 10, 9].find(fits) ?? 8;
  const { y } = pdf;
  for (const [index, [title, value]] of figures.entries()) {
    const x = leftOf(pdf) + index * (width + gap);
    pdf.roundedRect(x, y, width, 56, 4).fill(COLOURS.shade);
    putText(pdf, title, { x: x + 10, y: y + 11, width: inner, size: 8, colour: COLOURS.muted });
    putText(pdf, value, { x: x + 10, y: y + 28, width: inner, size, face: 'bold', colour: COLOURS.accent });
  }
  pdf.y = y + 56 + 14;
}

function monthlyTable(pdf: Pdf, { monthly, annual }: PerformanceResult): void {
  const share = (kwh: number) => (annual.ac_kwh > 0 ? `${figure((100 * kwh) / annual.ac_kwh, 1)} %` : '–');
  const sum = (of: (month: (typeof monthly)[number]) => number) =>
    monthly.reduce((all, month) => all + of(month), 0);
  const columns = [
    { title: 'Month', share: 0.16 },
    { title: 'AC energy, kWh', share: 0.22, align: 'right' },
    { title: 'DC energy, kWh', share: 0.22, align: 'right' },
    { title: 'In-plane light, kWh/m²', share: 0.24, align: 'right' },
    { title: 'Share of year', share: 0.16, align: 'right' },
  ] as const;
  const rows = monthly.map(({ month, ac_kwh, dc_kwh, poa_kwh_m2 }) => [
    MONTHS[month - 1] ?? '',
    figure(ac_kwh),
    figure(dc_kwh),
    figure(poa_kwh_m2, 1),
    share(ac_kwh),
  ]);
  const year = [
    'Year',
    figure(annual.ac_kwh),
    figure(annual.dc_kwh),
    figure(
      sum(({ poa_kwh_m2 }) => poa_kwh_m2),
      1,
    ),
    share(annual.ac_kwh),
  ];
  table(pdf, columns, { title: 'Month by month', rows, last: [year] });
}

function systemTable(
  pdf: Pdf,
  { system }: ProposalInput,
  { annual, dc_kw, year, hours }: PerformanceResult,
): void {
  const { modules, inverter, mounting, warranty_years: warranty } = system;
  const facts: [string, string | undefined][] = [
    ['Modules', modules],
    ['Inverter', inverter],
    ['Mounting', mounting],
    ['Warranty', warranty === undefined ? undefined : `${warranty} ${warranty === 1 ? 'year' : 'years'}`],
    ['Rated DC power', `${quantity(dc_kw)} kW`],
    ['Performance ratio', `${figure(100 * annual.performance_ratio, 1)} %`],
    ['In-plane irradiation', `${figure(annual.poa_kwh_m2)} kWh/m² per year`],
    ['Energy lost to the inverter’s limit', `${figure(annual.clipping_loss_kwh)} kWh per year`],
    ['Simulated', `${figure(hours)} hours of the year ${year}`],
  ];
  const rows = facts.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
  table(
    pdf,
    [
      { title: 'Property', share: 0.42 },
      { title: 'Value', share: 0.58 },
    ],
    { title: 'The system', rows },
  );
}

function priceTable(pdf: Pdf, quote: Quote): void {
  const { currency, lines, net, tax, taxName, taxPct, total } = quote;
  const columns = [
    { title: 'Description', share: 0.4 },
    { title: 'Quantity', share: 0.17, align: 'right' },
    { title: 'Unit price', share: 0.2, align: 'right' },
    { title: 'Amount', share: 0.23, align: 'right' },
  ] as const;
  table(pdf, columns, {
    title: 'Price',
    rows: lines.map((line) => [
      line.description,
      `${quantity(line.quantity)} ${line.unit}`,
      money(line.unitPrice, currency),
      money(line.amount, currency),
    ]),
    last: [
      ['Net', '', '', money(net, currency)],
      [`${taxName} ${quantity(taxPct)} %`, '', '', money(tax, currency)],
      ['Total', '', '', money(total, currency)],
    ],
  });
}

function signatures(pdf: Pdf, { customer, company }: ProposalInput): void {
  heading(pdf, 'Acceptance', 100);
  pdf.y += 50;
  const gap = 40;
  const width = (widthOf(pdf) - gap) / 2;
  const { y } = pdf;
  for (const [index, name] of [customer.name, company.name].entries()) {
    const x = leftOf(pdf) + index * (width + gap);
    pdf
      .moveTo(x, y)
      .lineTo(x + width, y)
      .lineWidth(0.7)
      .stroke(COLOURS.muted);
    putText(pdf, `Place, date, signature – ${name}`, { x, y: y + 6, width, size: 8, colour: COLOURS.muted });
  }
}
