import { expect, test } from 'vitest';
import { ConfigError, parseConfig } from './config.ts';
import { flag, integer, secret, text } from './setting-kinds.ts';
import { SEALING_KEY_SETTING } from './shared-settings.ts';

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
  expect(() => parseConfig(SEALING_KEY_SETTING, keyOf(32))).not.toThrow();
  for (const bytes of [31, 33]) {
    expect(() => parseConfig(SEALING_KEY_SETTING, keyOf(bytes))).toThrow('must be 32 bytes in base64');
  }
});
