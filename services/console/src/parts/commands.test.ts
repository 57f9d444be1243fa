import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { errandOf, shellWord } from './commands.ts';

test.each([
  'plain',
  'two words',
  "it's",
  ';touch /tmp/x;',
  '$(id)',
  '`id`',
  '"',
  '\\',
  'a\nb',
  '',
  '*',
  '~',
  'ü',
])('a shell reads %j as one word', (text) => {
  expect(execFileSync('sh', ['-c', `printf %s ${shellWord(text)}`], { encoding: 'utf8' })).toBe(text);
});

test('a command has its words quoted where they need it', () => {
  expect(errandOf('jobs', '--metadata', "a=x';id;'")).toBe(`errand jobs --metadata 'a=x'\\'';id;'\\'''`);
});
