import { createAddressRules, isCidr } from '@errand/runtime';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PUBLIC_ADDRESSES } from '../../test/egress-corpus.ts';

const rules = createAddressRules({ allowCidrs: [], denyCidrs: [] });
const opened = createAddressRules({
  allowCidrs: ['127.0.0.0/8', '::1'],
  denyCidrs: ['127.0.0.9', '8.8.0.0/16'],
});

test.each(PUBLIC_ADDRESSES)('%s is public', (address) => {
  expect(rules.classify(address)).toBe('public');
});

test('the allow list opens addresses, also in their IPv6 form, and nothing besides', () => {
  for (const address of ['127.0.0.1', '::ffff:127.0.0.1', '::ffff:7f00:1', '::1']) {
    expect(opened.classify(address)).toBe('allowed');
  }
  for (const address of ['10.0.0.1', '169.254.169.254', '::2', 'fe80::1']) {
    expect(opened.classify(address)).toBe('blocked');
  }
});

test('the deny list is stronger than the allow list and than being public', () => {
  expect(opened.classify('127.0.0.9')).toBe('blocked');
  expect(opened.classify('8.8.8.8')).toBe('blocked');
  expect(opened.classify('::ffff:8.8.8.8')).toBe('blocked');
});

test('an IPv4 address and its mapped form are of the same class, in every spelling', () => {
  fc.assert(
    fc.property(fc.ipV4(), (address) => {
      const hex = address.split('.').map((byte) => Number(byte).toString(16).padStart(2, '0'));
      const mapped = `::ffff:${hex[0]}${hex[1]}:${hex[2]}${hex[3]}`;
      const expected = opened.classify(address);
      for (const spelling of [
        `::ffff:${address}`,
        mapped,
        mapped.toUpperCase(),
        `0:0:0:0:0${mapped.slice(1)}`,
      ]) {
        expect(opened.classify(spelling)).toBe(expected);
      }
    }),
  );
});

test('what is no address is blocked', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(rules.classify(`${text}!`)).toBe('blocked');
    }),
  );
  expect(rules.classify('')).toBe('blocked');
});

test('subnets are told from other text', () => {
  for (const text of ['10.0.0.0/8', '10.0.0.1', '::/0', 'fd00::/8']) expect(isCidr(text)).toBe(true);
  for (const text of ['', '10.0.0.0/33', '10.0.0/8', '::/129', 'fe80::1%lo/64', 'a', '10.0.0.0/-1', '/8']) {
    expect(isCidr(text)).toBe(false);
  }
});
