import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { standbyUser } from './standby.ts';

test('the page says what the user of a standby may do', async () => {
  const page = await readFile(new URL('../../../../docs/operations.md', import.meta.url), 'utf8');
  const { publish, subscribe } = standbyUser('east', '').permissions;
  const listed = (subjects: readonly string[]) => `[${subjects.map((subject) => `"${subject}"`).join(', ')}]`;
  expect(page).toContain(`publish: ${listed(publish.allow)}`);
  expect(page).toContain(`subscribe: ${listed(subscribe.allow)}`);
});
