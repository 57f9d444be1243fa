import { testAction } from '@errand/actions';
import { expect, test } from 'vitest';
import { hello } from './hello.ts';

test('hello greets whom its path names', async () => {
  const { result } = await testAction(hello, { greeting: 'Good day' }, { resource: { person: 'Ada' } });
  expect(result).toEqual({ text: 'Good day, Ada' });
});
