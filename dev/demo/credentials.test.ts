import { expect, test } from 'vitest';
import { basicAuthorization, redact } from './credentials.ts';

test('basic auth is the example of RFC 7617, and a redacted secret keeps eight characters', () => {
  const header = basicAuthorization({ username: 'Aladdin', password: 'open sesame' });
  expect(header).toBe('Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==');
  expect(redact(header)).toBe('Basic QW…');
  expect(redact('short')).toBe('…');
});
