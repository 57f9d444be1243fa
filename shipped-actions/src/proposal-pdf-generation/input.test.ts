import { expect, test } from 'vitest';
import { z } from 'zod';
import { PROPOSAL } from '../../test/proposal.ts';
import { proposalInput } from './input.ts';

const pathsOf = (input: unknown) =>
  proposalInput.safeParse(input).error?.issues.map(({ path }) => path.join('.'));

test('the smallest proposal is accepted and every default is filled in', () => {
  expect(proposalInput.parse(PROPOSAL)).toMatchObject({
    title: 'Your solar energy proposal',
    system: {},
    sections: [],
    price: { tax_name: 'VAT', items: [{ quantity: 1, unit: 'pcs' }] },
  });
});

test.each([
  ['an unknown member', { ...PROPOSAL, colour: 'green' }, ['']],
  ['no simulation', { ...PROPOSAL, simulation: {} }, ['simulation']],
  ['an id that is none', { ...PROPOSAL, simulation: { job_id: 'x' } }, ['simulation.job_id']],
  [
    'a name that cannot be printed',
    { ...PROPOSAL, customer: { ...PROPOSAL.customer, name: '日本' } },
    ['customer.name'],
  ],
  ['a date that is none', { ...PROPOSAL, issued_on: '2026-02-30' }, ['issued_on']],
  ['a price without items', { ...PROPOSAL, price: { ...PROPOSAL.price, items: [] } }, ['price.items']],
])('refuses %s, naming where', (_, input, paths) => {
  expect(pathsOf(input)).toEqual(paths);
});

test('becomes a JSON Schema that says all of that', () => {
  const schema = z.toJSONSchema(proposalInput, { io: 'input' });
  expect(schema.required).toEqual(['simulation', 'customer', 'company', 'number', 'issued_on', 'price']);
  expect(schema.properties?.simulation).toMatchObject({
    oneOf: [{ required: ['job_id'] }, { required: ['result'] }],
  });
  expect(schema.additionalProperties).toBe(false);
});
