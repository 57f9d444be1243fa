import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { ConfigError, parseConfig } from './config.ts';
import { flag, integer, json, liveSecret, secret, secrets, text } from './setting-kinds.ts';
import { SEALING_KEY_SETTINGS } from './shared-settings.ts';

const settings = {
  url: text({ env: 'URL', description: 'Where', default: 'http://here' }),
  waitMs: integer({ env: 'WAIT_MS', description: 'How long', unit: 'ms', default: 50, min: 10, max: 100 }),
  loud: flag({ env: 'LOUD', description: 'Whether', default: false }),
  key: secret({ env: 'KEY', description: 'The key' }),
};
const KEY = 'sixteen letters!';

test('a setting that is not set has its default, and empty counts as not set', () => {
  expect(parseConfig(settings, { KEY, WAIT_MS: '' })).toEqual({
    url: 'http://here',
    waitMs: 50,
    loud: false,
    key: KEY,
  });
});

test('a setting is read as its kind', () => {
  const env = { URL: 'http://there', WAIT_MS: '10', LOUD: 'true', KEY };
  expect(parseConfig(settings, env)).toEqual({ url: 'http://there', waitMs: 10, loud: true, key: KEY });
});

test('all wrong settings are named at once, with what they mean and without the value of a secret', () => {
  const env = { WAIT_MS: '9', LOUD: 'yes', KEY: 'short' };
  const read = () => parseConfig(settings, env);
  expect(read).toThrow(ConfigError);
  expect(read).toThrow(/WAIT_MS: must be at least 10 ms \(How long\)/);
  expect(read).toThrow(/LOUD: must be true or false/);
  expect(read).toThrow(/KEY: must have at least 16 characters/);
  expect(read).not.toThrow(/short/);
});

test('a setting without a default has to be set', () => {
  expect(() => parseConfig(settings, {})).toThrow('KEY is not set (The key)');
});

test.each(['12.5', 'ten', '1e9', '-1'])('%s is not a whole number of milliseconds in range', (value) => {
  expect(() => parseConfig(settings, { KEY, WAIT_MS: value })).toThrow(ConfigError);
});

test('a sealing key has exactly 32 bytes', () => {
  const keyOf = (bytes: number) => ({ ERRAND_SECRET_KEY: Buffer.alloc(bytes, 1).toString('base64') });
  expect(() => parseConfig(SEALING_KEY_SETTINGS, keyOf(32))).not.toThrow();
  for (const bytes of [31, 33]) {
    expect(() => parseConfig(SEALING_KEY_SETTINGS, keyOf(bytes))).toThrow('must be 32 bytes in base64');
  }
});

test('a secret may be in a file, but not in two places, and no other setting may', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'errand-secret-'));
  const file = join(dir, 'key');
  await writeFile(file, `${KEY}\n`);
  expect(parseConfig(settings, { KEY_FILE: file, URL_FILE: file })).toMatchObject({
    key: KEY,
    url: 'http://here',
  });
  expect(() => parseConfig(settings, { KEY, KEY_FILE: file })).toThrow('KEY and KEY_FILE are both set');
  expect(() => parseConfig(settings, { KEY_FILE: join(dir, 'none') })).toThrow(/KEY_FILE: ENOENT/);
  await rm(dir, { recursive: true });
});

test('a live secret is read again from its file, and stays where that says nothing that is right', async () => {
  const live = { key: liveSecret({ env: 'KEY', description: 'The key' }) };
  expect(parseConfig(live, { KEY }).key()).toBe(KEY);
  const dir = await mkdtemp(join(tmpdir(), 'errand-secret-'));
  const file = join(dir, 'key');
  await writeFile(file, KEY);
  const { key } = parseConfig(live, { KEY_FILE: file });
  expect(key()).toBe(KEY);
  await writeFile(file, 'another of sixteen\n');
  expect(key()).toBe('another of sixteen');
  await writeFile(file, 'short');
  expect(key()).toBe('another of sixteen');
  await rm(dir, { recursive: true });
  expect(key()).toBe('another of sixteen');
});

test('several secrets are separated by commas, and each has to be one', () => {
  const several = { keys: secrets({ env: 'KEYS', description: 'Some keys' }) };
  expect(parseConfig(several, {})).toEqual({ keys: [] });
  expect(parseConfig(several, { KEYS: `${KEY},another of sixteen` })).toEqual({
    keys: [KEY, 'another of sixteen'],
  });
  expect(() => parseConfig(several, { KEYS: `${KEY},short` })).toThrow(
    'KEYS: must have at least 16 characters',
  );
});

test('JSON is read, and what is wrong with it is named', () => {
  const schema = z.strictObject({ most: z.int().min(1).optional() });
  const settings = { limits: json({ env: 'LIMITS', description: 'd', schema, default: '{}' }) };
  expect(parseConfig(settings, {}).limits).toEqual({});
  expect(parseConfig(settings, { LIMITS: '{"most":2}' }).limits).toEqual({ most: 2 });
  for (const [text, fault] of [
    ['{most:2}', 'must be JSON'],
    ['{"most":0}', 'most: Too small'],
    ['{"least":0}', 'Unrecognized key: "least"'],
  ] as const) {
    expect(() => parseConfig(settings, { LIMITS: text })).toThrow(`LIMITS: ${fault}`);
  }
});
