import { buffer } from 'node:stream/consumers';
import { expect, test, vi } from 'vitest';
import { PROPOSAL, SIMULATION } from '../../test/proposal.ts';
import { proposalInput } from './input.ts';
import { proposalDocument } from './proposal-document.ts';

// A typeface is read for each document.
vi.setConfig({ testTimeout: 60_000 });

async function pdfOf(change: object): Promise<{ bytes: Buffer; pages: number }> {
  const input = proposalInput.parse({ ...PROPOSAL, ...change });
  const bytes = await buffer(proposalDocument(input, SIMULATION, 'roof-1'));
  return { bytes, pages: bytes.toString('latin1').match(/\/Type \/Page\b/g)?.length ?? 0 };
}

test('the same input gives the same bytes, and another input gives others', async () => {
  const [first, second, third] = await Promise.all([pdfOf({}), pdfOf({}), pdfOf({ number: '2026-0118' })]);
  expect(first.bytes.equals(second.bytes)).toBe(true);
  expect(first.bytes.equals(third.bytes)).toBe(false);
});

test('long texts and long tables take as many pages as they need', async () => {
  const short = await pdfOf({});
  const text = `${'A roof that stays tight. '.repeat(40)}\n\n`.repeat(12).trim();
  const longText = await pdfOf({ sections: [{ heading: 'How we work', text }] });
  expect(longText.pages).toBeGreaterThan(short.pages + 1);
  const items = Array.from({ length: 60 }, () => ({ description: 'x'.repeat(300), unit_price: 1 }));
  const longTable = await pdfOf({ price: { ...PROPOSAL.price, items } });
  expect(longTable.pages).toBeGreaterThan(short.pages + 3);
});

test('its pages are A4', async () => {
  const { bytes, pages } = await pdfOf({});
  const text = bytes.toString('latin1');
  expect(text.match(/\/MediaBox \[0 0 595.28 841.89\]/g)).toHaveLength(pages);
});

test('a design that yields nothing gets a proposal too', async () => {
  const dark = {
    ...SIMULATION,
    annual: { ...SIMULATION.annual, ac_kwh: 0 },
    monthly: SIMULATION.monthly.map((each) => ({ ...each, ac_kwh: 0 })),
  };
  const bytes = await buffer(proposalDocument(proposalInput.parse(PROPOSAL), dark, 'cellar'));
  expect(bytes.subarray(0, 5).toString()).toBe('%PDF-');
  expect(bytes.includes('NaN')).toBe(false);
});
