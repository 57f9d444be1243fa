import { expect, test } from 'vitest';
import { run } from '../../test/command.ts';

test.each(['backup', 'restore'])('%s without a place is refused', async (command) => {
  expect(await run([command])).toMatchObject({ code: 2, out: '', said: expect.stringContaining('place') });
});

test('an address that is none is told in one line, and nothing is written', async () => {
  expect(await run(['backup', '-'], { NATS_URL: 'nope://' })).toEqual({
    code: 2,
    out: '',
    said: 'errand: NATS_URL: address 1 is not a URL such as nats://user:password@host:4222\n',
  });
});

test.each([
  ['a folder without a backup', '/nowhere/backup', 'there is no backup'],
  ['a stream without a byte', '-', 'the backup was cut off'],
])('%s is not restored', async (_, place, said) => {
  expect(await run(['restore', place])).toEqual({ code: 2, out: '', said: `errand: ${said}\n` });
});
