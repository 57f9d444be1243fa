import type { ActionContract, ActionRecord, LiveContract } from '@errand/contracts';
import { recordOf } from '@errand/domain/testing';
import { describe, expect, test } from 'vitest';
import { admitContract } from './admit-contract.ts';

const CONTRACT: ActionContract = {
  name: 'hello',
  contract_id: 'a',
  accepts: [],
  version: '1',
  description: '',
  resource: 'robots/{robot}',
  input_schema: { type: 'object' },
  result_schema: {},
  max_attempts: 3,
  timeout_ms: 1_000,
};
const NOW = '2026-02-01T00:00:00.000Z';
const OTHER_SCHEMA = { ...CONTRACT, contract_id: 'b', input_schema: { type: 'object', required: ['n'] } };
const OTHER_PATH = { ...CONTRACT, contract_id: 'c', resource: 'arms/{arm}' };

/** What becomes of a record when `executor` announces a contract while the contracts in `served` are served by others. */
function announce(
  record: ActionRecord,
  contract: ActionContract,
  { served = [], drained = [] }: { served?: string[]; drained?: string[] } = {},
) {
  const has = (ids: string[]) => (live: LiveContract) => ids.includes(live.contract.contract_id);
  return admitContract(record, contract, {
    executorId: 'e-2',
    leaseMs: 30_000,
    now: NOW,
    serversOf: (live) => (has(served)(live) ? ['e-1', 'e-2'] : ['e-2']),
    isDrained: has(drained),
  });
}

const idsOf = (record: ActionRecord) =>
  record.contracts.map(
    ({ contract, slot, withdrawn }) => `${contract.contract_id}${slot}${withdrawn ? '-' : '+'}`,
  );

describe('an announced contract', () => {
  test('that is the first takes the first slot, and is offered once its consumer is there', () => {
    const outcome = announce({ contracts: [] }, CONTRACT);
    expect(outcome).toMatchObject({
      kind: 'admitted',
      record: { contracts: [{ contract: CONTRACT, slot: 0, first_announced_at: NOW, withdrawn: true }] },
    });
  });

  test('that is known stays where it is, with what else it says now', () => {
    const known = recordOf(CONTRACT);
    const outcome = announce(known, { ...CONTRACT, version: '2', max_attempts: 9 });
    expect(outcome).toMatchObject({
      record: {
        contracts: [
          {
            contract: { version: '2', max_attempts: 9 },
            slot: 0,
            first_announced_at: known.contracts[0]?.first_announced_at,
            announced_by: 'e-2',
          },
        ],
      },
    });
  });

  test('with other schemas is served beside the one that others serve', () => {
    const outcome = announce(recordOf(CONTRACT), OTHER_SCHEMA, { served: ['a'] });
    expect(outcome.kind === 'admitted' && idsOf(outcome.record)).toEqual(['a0+', 'b1-']);
  });

  test('at another path is refused while another executor serves the name, in words that say who and where', () => {
    expect(announce(recordOf(CONTRACT), OTHER_PATH, { served: ['a'] })).toEqual({
      kind: 'refused',
      code: 'other_path',
      message: 'the name hello is taken: e-1 serves it at robots/{robot}/hello',
    });
  });

  test('at another path takes the name over where nobody else serves it', () => {
    const outcome = announce(recordOf(CONTRACT), OTHER_PATH);
    expect(outcome.kind === 'admitted' && idsOf(outcome.record)).toEqual(['a0-', 'c1-']);
  });

  test.each(['jobs', 'deliveries'])('with the name %s, which is a word of the API, is refused', (name) => {
    expect(announce({ contracts: [] }, { ...CONTRACT, name })).toEqual({
      kind: 'refused',
      code: 'invalid_request',
      message: `${name} is a word of the API, so no action may have this name`,
    });
  });

  test('whose id stands for something else is refused', () => {
    const outcome = announce(recordOf(CONTRACT), { ...OTHER_SCHEMA, contract_id: 'a' });
    expect(outcome).toMatchObject({ kind: 'refused', code: 'other_content' });
  });
});

describe('a fifth contract', () => {
  const four: ActionRecord = {
    contracts: ['a', 'b', 'c', 'd'].flatMap((contract_id, slot) =>
      recordOf({ ...CONTRACT, contract_id }).contracts.map((live) => ({ ...live, slot })),
    ),
  };
  const fifth = { ...CONTRACT, contract_id: 'e' };

  test('takes the slot of one that no job needs', () => {
    const outcome = announce(four, fifth, { served: ['d'], drained: ['c', 'd'] });
    expect(outcome.kind === 'admitted' && idsOf(outcome.record)).toEqual(['a0+', 'b1+', 'd3+', 'e2-']);
    expect(outcome.kind === 'admitted' && outcome.freed?.contract.contract_id).toBe('c');
  });

  test('is refused while each of the others is served or has jobs', () => {
    const outcome = announce(four, fifth, { served: ['d'], drained: ['d'] });
    expect(outcome).toMatchObject({ kind: 'refused', code: 'too_many_contracts' });
  });
});
