import { JobId } from '@errand/contracts';
import { z } from 'zod';
import { performanceResult } from '../performance-simulation/result.ts';
import { line, paragraphs } from './printable-text.ts';

// One object rather than a union, so that a wrong id is reported as an id.
const simulation = z
  .strictObject({
    job_id: JobId.optional().meta({
      description:
        'A performance_simulation job of this very design that has succeeded within the last days.',
    }),
    result: performanceResult.optional().meta({ description: 'What such a job came to.' }),
  })
  .refine(({ job_id, result }) => (job_id === undefined) !== (result === undefined), {
    error: 'must have either job_id or result',
  })
  .meta({
    description: 'What the design yields: a job that found it out, or its result.',
    oneOf: [{ required: ['job_id'] }, { required: ['result'] }],
  });

const addressLines = z.array(line(100)).min(1).max(6);

const customer = z.strictObject({
  name: line(120).meta({ examples: ['Zoë Müller–Łódź'] }),
  address_lines: addressLines.meta({ examples: [['Ul. Świętego Jana 12', '31-017 Kraków', 'Poland']] }),
  email: z.email().max(200).optional(),
});

const company = z
  .strictObject({
    name: line(80),
    address_lines: addressLines.optional(),
    email: z.email().max(200).optional(),
    phone: line(40).optional(),
  })
  .meta({ description: 'Who proposes.' });

const system = z
  .strictObject({
    modules: line(120)
      .optional()
      .meta({ examples: ['20 × 400 W monocrystalline'] }),
    inverter: line(120).optional(),
    mounting: line(120).optional(),
    warranty_years: z.int().min(0).max(50).optional(),
  })
  .meta({ description: 'Parts of the system, beside what the simulation says.' });

const price = z.strictObject({
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/)
    .meta({ description: 'ISO 4217, of every amount.', examples: ['EUR'] }),
  items: z
    .array(
      z.strictObject({
        description: line(300),
        quantity: z.number().min(0).max(1_000_000).default(1),
        unit: line(20).default('pcs').meta({ description: 'What is counted.' }),
        unit_price: z
          .number()
          .min(-100_000_000)
          .max(100_000_000)
          .meta({ description: 'Of one unit, before tax, in the currency; negative for a discount.' }),
      }),
    )
    .min(1)
    .max(200),
  tax_name: line(20).default('VAT'),
  tax_pct: z.number().min(0).max(100).meta({ description: 'Per cent of the sum of all items.' }),
});

const section = z.strictObject({ heading: line(120), text: paragraphs(50_000) });

/** Everything in a proposal, apart from what the simulation adds to it. */
export const proposalInput = z
  .strictObject({
    simulation,
    customer,
    company,
    title: line(80).default('Your solar energy proposal'),
    number: line(40).meta({ description: "The company's own number of the proposal." }),
    issued_on: z.iso.date(),
    valid_until: z.iso.date().optional(),
    introduction: paragraphs(20_000).optional(),
    system: system.default({}),
    price,
    sections: z.array(section).max(30).default([]).meta({ description: 'Texts that follow, in this order.' }),
  })
  .meta({
    examples: [
      {
        simulation: { job_id: '0199a000-0000-7000-8000-000000000000' },
        customer: {
          name: 'Zoë Müller–Łódź',
          address_lines: ['Ul. Świętego Jana 12', '31-017 Kraków', 'Poland'],
        },
        company: { name: 'Sonnenwerk' },
        number: '2026-0117',
        issued_on: '2026-11-23',
        price: { currency: 'EUR', tax_pct: 23, items: [{ description: 'Everything', unit_price: 7_300 }] },
      },
    ],
  });

export type ProposalInput = z.output<typeof proposalInput>;
