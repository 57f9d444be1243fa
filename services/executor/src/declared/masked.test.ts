import { randomBytes } from 'node:crypto';
import { PermanentError } from '@errand/actions';
import { expect, test } from 'vitest';
import { runOnce } from '../../test/declarations.ts';
import { createMask, MASK, withMasks } from './masked.ts';

const SECRETS = [
  'sk_live_51HxYz',
  'p@ss word/with+every?thing&=%',
  'quo"te\\back\nline',
  'ünïcödé-geheim',
  '-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----',
  '1234567890123456',
  randomBytes(33).toString('base64'),
  randomBytes(20).toString('hex'),
];

const FORMS: Record<string, (secret: string) => string> = {
  'as it is': (secret) => `token=${secret} was refused`,
  'as JSON': (secret) => JSON.stringify({ headers: { authorization: `Bearer ${secret}` } }),
  'in the path of a URL': (secret) => `GET https://example.com/${encodeURIComponent(secret)}/x`,
  'in the query of a URL': (secret) => `GET https://example.com/?${new URLSearchParams({ key: secret })}`,
  'in basic auth': (secret) => `Basic ${Buffer.from(`user:${secret}`).toString('base64')}`,
  'in basic auth of a longer user': (secret) => `Basic ${Buffer.from(`client:${secret}`).toString('base64')}`,
  'in base64 for URLs': (secret) => `jwt.${Buffer.from(`{"k":"${secret}"}`).toString('base64url')}`,
  'in hex': (secret) => `bytes ${Buffer.from(secret).toString('hex')}`,
  'twice in a line': (secret) => `${secret}${secret}`,
};

const traces = (secret: string) => [
  secret,
  encodeURIComponent(secret),
  JSON.stringify(secret).slice(1, -1),
  Buffer.from(secret).toString('hex'),
  // What is the same in base64 whatever stands around it.
  ...[0, 1, 2].map((before) =>
    Buffer.concat([Buffer.alloc(before), Buffer.from(secret)])
      .toString('base64url')
      .slice(4, -4),
  ),
];

const mask = createMask(SECRETS) ?? ((text: string) => text);

test.each(Object.keys(FORMS))('no secret is left %s', (form) => {
  for (const secret of SECRETS) {
    const text = FORMS[form]?.(secret) ?? '';
    const shown = mask(text);
    expect(shown).toContain(MASK);
    for (const trace of traces(secret)) {
      expect(shown.replaceAll('+', '-').replaceAll('/', '_')).not.toContain(
        trace.replaceAll('+', '-').replaceAll('/', '_'),
      );
    }
  }
});

test('a line of a secret that has several is one too', () => {
  expect(mask('read MIIEvQIBADANBg from the key')).toBe(`read ${MASK} from the key`);
});

test('what is no secret stays, and values shorter than four characters are none', () => {
  expect(mask('it took 12 s, code 200')).toBe('it took 12 s, code 200');
  expect(createMask(['a', '12', '   ', ''])).toBeUndefined();
});

test('an attempt shows none in lines, fields, progress, partial results and errors', async () => {
  const secret = '1234567890123456';
  const action = withMasks(
    {
      async run(attempt) {
        attempt.log(`line ${secret}`, { nested: [{ text: secret, number: Number(secret) }], [secret]: 1 });
        attempt.progress(10, `at ${secret}`);
        attempt.output({ found: [`${secret}!`, 7] });
        throw new PermanentError('refused', `no ${secret}`, [{ got: secret }], {
          cause: new Error(`since ${secret}`, { cause: secret }),
        });
      },
    },
    [secret],
  );
  const { logged, progress, outputs, result } = runOnce(action as never);
  const error = await result.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(PermanentError);
  expect(error).toMatchObject({ message: `no ${MASK}`, details: [{ got: MASK }] });
  expect((error as Error).stack).not.toContain(secret);
  expect(error).toMatchObject({ cause: { message: `since ${MASK}`, cause: MASK } });
  expect(logged).toEqual([
    { message: `line ${MASK}`, fields: { nested: [{ text: MASK, number: MASK }], [MASK]: 1 } },
  ]);
  expect(progress).toEqual([{ percent: 10, message: `at ${MASK}` }]);
  expect(outputs).toEqual([{ found: [`${MASK}!`, 7] }]);
});

test('what is logged while an operation is canceled shows none either', async () => {
  const secret = 'sk_live_51HxYz';
  const said: unknown[] = [];
  const action = withMasks(
    {
      run: async () => undefined,
      async cancelOperation(attempt, address) {
        attempt.log(`${address} by ${secret}`);
        throw new Error(`not with ${secret}`);
      },
    },
    [secret],
  );
  const attempt = { log: (message: string) => void said.push(message) };
  await expect(action.cancelOperation?.(attempt as never, 'there')).rejects.toThrow(`not with ${MASK}`);
  expect(said).toEqual([`there by ${MASK}`]);
});
