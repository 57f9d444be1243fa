import { expect, test } from 'vitest';
import { run } from '../../test/command.ts';

test('mirror without a site is refused', async () => {
  expect(await run(['mirror'])).toMatchObject({ code: 2, out: '', said: expect.stringContaining('site') });
});

test.each([['mirror', 'east'], ['promote']])(
  'an address that is none is told in one line: %s',
  async (...args) => {
    expect(await run(args, { NATS_URL: 'nope://' })).toEqual({
      code: 2,
      out: '',
      said: 'errand: NATS_URL: address 1 is not a URL such as nats://user:password@host:4222\n',
    });
  },
);
