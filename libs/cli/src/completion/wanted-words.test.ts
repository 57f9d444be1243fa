import { PassThrough, Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { createProgram } from '../program.ts';
import { joinBroken, placeOf } from './wanted-words.ts';

const program = createProgram(() => async () => {}, {
  env: {},
  folder: '/',
  stdin: Readable.from([]),
  stdout: new PassThrough(),
  stderr: new PassThrough(),
  columns: undefined,
  signal: new AbortController().signal,
  now: () => 0,
  handOver: () => {},
  needsReader: () => {},
});

/** What the last word may be. */
function offered(words: readonly string[]) {
  const { wanted, commands } = placeOf(program, words);
  return Array.isArray(wanted) ? [...commands, ...wanted] : wanted;
}

test.each([
  [['run', ''], 'action'],
  [['actions', ''], 'action'],
  [['actions', 'withdraw', ''], 'action'],
  [['--json', 'run', '--input', '{}', ''], 'action'],
  [['audit', 'export', '--action', ''], 'action'],
  [
    ['webhooks', 'create', '--method', ''],
    ['POST', 'GET'],
  ],
  [
    ['completion', ''],
    ['bash', 'zsh', 'fish'],
  ],
  [
    ['audit', ''],
    ['export', 'check', 'help'],
  ],
  [['wait', ''], []],
  [
    ['jobs', '--source', ''],
    ['api', 'ui', 'schedule', 'retry'],
  ],
  [['config', 'use', ''], 'profile'],
  [['jobs', '--profile', ''], 'profile'],
  [['run', 'hello', '--wait', '--resource', ''], { parameterOf: 'hello' }],
  [['run', '--resource', ''], []],
])('after %j comes %j', (words, wanted) => {
  expect(offered(words)).toEqual(wanted);
});

test('options are those of the command and those of all', () => {
  expect(offered(['wait', '-'])).toEqual([...['--timeout', '--help', '--json', '--no-json', '--profile']]);
});

test('every command says what it does, and none that is hidden is offered', () => {
  expect(offered([''])).not.toContain('complete');
  const told = (command: typeof program): boolean =>
    command.description() !== '' &&
    command.commands.every((each) => each.name() === 'complete' || told(each));
  expect(program.commands.every((each) => each.name() === 'complete' || told(each))).toBe(true);
});

test('words that bash has split are joined again', () => {
  const words = ['run', 'a', '--metadata', 'b', '=', 'c', '--webhook-url', 'http', ':', '//x', ''];
  expect(joinBroken(words)).toEqual({
    words: ['run', 'a', '--metadata', 'b=c', '--webhook-url', 'http://x', ''],
    isRest: false,
  });
  expect(joinBroken(['--metadata', 'b', '=']).isRest).toBe(true);
  expect(joinBroken(['--metadata', 'b', '=', 'c']).isRest).toBe(true);
});

test('an action may be shown, and one may be withdrawn', () => {
  expect(placeOf(program, ['actions', ''])).toMatchObject({
    wanted: 'action',
    commands: ['withdraw'],
  });
});
