import { expect, test } from 'vitest';
import { checkDeliveries } from './delivery-check.ts';

const EXPECTED = new Set(['e1 a', 'e1 b', 'e2 a']);
const DELIVERED = new Map([...EXPECTED].map((pair) => [pair, 'delivered']));

test('a run in which each endpoint received each event has no violations', () => {
  const { violations, duplicates } = checkDeliveries({
    expected: EXPECTED,
    received: [...EXPECTED],
    deliveries: DELIVERED,
  });
  expect(violations).toEqual([]);
  expect(duplicates.size).toBe(0);
});

test('an event that was received more than once is a duplicate, not a violation', () => {
  const received = [...EXPECTED, 'e1 a', 'e1 a', 'e2 a'];
  const { violations, duplicates } = checkDeliveries({ expected: EXPECTED, received, deliveries: DELIVERED });
  expect(violations).toEqual([]);
  expect(Object.fromEntries(duplicates)).toEqual({ 'e1 a': 2, 'e2 a': 1 });
});

test('an event that one endpoint did not receive is found, all the more if the table calls it delivered', () => {
  const received = ['e1 a'];
  const deliveries = new Map([...DELIVERED, ['e2 a', 'pending']]);
  const { violations } = checkDeliveries({ expected: EXPECTED, received, deliveries });
  expect(violations).toEqual([
    { kind: 'delivered_but_not_received', detail: 'e1 b' },
    { kind: 'not_received', detail: 'e2 a' },
    { kind: 'not_delivered', detail: 'e2 a is pending' },
  ]);
});

test('a delivery that is missing, or not delivered, is found, whatever was received', () => {
  const deliveries = new Map([
    ['e1 a', 'delivered'],
    ['e1 b', 'pending'],
  ]);
  const { violations } = checkDeliveries({ expected: EXPECTED, received: [...EXPECTED], deliveries });
  expect(violations).toEqual([
    { kind: 'not_delivered', detail: 'e1 b is pending' },
    { kind: 'no_delivery', detail: 'e2 a' },
  ]);
});

test('unexpected events are found on both sides', () => {
  const { violations } = checkDeliveries({
    expected: EXPECTED,
    received: [...EXPECTED, 'e2 b'],
    deliveries: new Map([...DELIVERED, ['e3 a', 'pending']]),
  });
  expect(violations).toEqual([
    { kind: 'received_unasked', detail: 'e2 b' },
    { kind: 'delivery_of_nothing', detail: 'e3 a' },
  ]);
});
