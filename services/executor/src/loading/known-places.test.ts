import { rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { executeAttempt } from '@errand/actions/execution';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { actionModule, createTestFolder, type TestFolder } from '../../test/folder.ts';
import { idleHooks } from '../../test/hooks.ts';
import { createWorkerPool } from '../isolation/worker-pool.ts';
import type { KnownPlaces, PlaceOptions } from './known-places.ts';
import type { LoadedAction } from './load-actions.ts';

// Loaded by Node itself, as what it loads is: vitest's own imports pass the hooks of versions by.
const { knownPlaces } = createRequire(import.meta.url)(
  './known-places.ts',
) as typeof import('./known-places.ts');

const ORDER = { jobId: 'j', tenantId: 't', input: {}, resource: {}, metadata: {}, attempt: 1 };

let folder: TestFolder;
beforeEach(async () => {
  folder = await createTestFolder();
});
afterEach(() => folder[Symbol.asyncDispose]());

function placesOf(names: readonly string[], options: Partial<PlaceOptions> = {}): KnownPlaces {
  const { signal } = new AbortController();
  const unlimited = { loadLimitMs: 60_000, maxContractBytes: 1_000_000, toleratesBroken: true, signal };
  return knownPlaces(names, { ...unlimited, ...options });
}

/** Two looks: what changed is loaded once it keeps still. */
async function lookTwice(places: KnownPlaces) {
  const first = await places.look();
  const second = await places.look();
  return { ...second, broken: [...first.broken, ...second.broken] };
}

const namesOf = (actions: readonly LoadedAction[]) => actions.map(({ action }) => action.contract.name);

async function saidBy(actions: readonly LoadedAction[], name: string): Promise<unknown> {
  const loaded = actions.find(({ action }) => action.contract.name === name);
  if (!loaded) throw new Error(`there is no ${name}`);
  const outcome = await executeAttempt(loaded.action, ORDER, idleHooks(new AbortController().signal));
  return outcome.kind === 'succeeded' ? JSON.parse(outcome.json ?? 'null').said : outcome;
}

const NEVER = 'await new Promise(() => {});';

test('a module that never finishes loading is broken and keeps no other file from being loaded', async () => {
  await folder.write('a.ts', actionModule('a', { head: NEVER }));
  await folder.write('b.ts', actionModule('b'));
  const places = placesOf([folder.path], { loadLimitMs: 500 });
  const first = await places.look();
  expect(namesOf(first.actions)).toEqual(['b']);
  expect(first.broken).toEqual([expect.stringMatching(/a\.ts: has not finished loading after 0\.5 s$/)]);
  await folder.write('c.ts', actionModule('c'));
  const later = await lookTwice(places);
  expect(namesOf(later.actions)).toEqual(['b', 'c']);
  expect(later.broken).toEqual([]);
});

test('the last good version of a file stays while a later one does not finish loading', async () => {
  await folder.write('a.ts', actionModule('a', { said: 'good' }));
  const places = placesOf([folder.path], { loadLimitMs: 500 });
  await places.look();
  await folder.write('a.ts', actionModule('a', { head: NEVER }));
  const { actions, broken } = await lookTwice(places);
  expect(broken).toHaveLength(1);
  expect(await saidBy(actions, 'a')).toBe('good');
});

test('a stop does not wait for a module that is loading', async () => {
  await folder.write('a.ts', actionModule('a', { head: NEVER }));
  const stop = new AbortController();
  const looking = placesOf([folder.path], { signal: stop.signal }).look();
  stop.abort(new Error('stopped'));
  await expect(looking).rejects.toThrow('stopped');
});

test('an action stays the same while what it is made of does', async () => {
  await folder.write('parts/word.ts', "export const word = 'one';\n");
  await folder.write('a.ts', actionModule('a', { head: "import './parts/word.ts';" }));
  await folder.write('b.ts', actionModule('b'));
  await folder.write('actions.yaml', 'actions:\n  d: { command: { argv: [echo] } }\n');
  const places = placesOf([folder.path]);
  const [a, d, b] = (await places.look()).actions;
  await folder.write('b.ts', actionModule('b', { said: 'new' }));
  const afterB = (await lookTwice(places)).actions;
  expect(namesOf(afterB)).toEqual(['a', 'd', 'b']);
  expect([afterB[0] === a, afterB[1] === d, afterB[2] === b]).toEqual([true, true, false]);
  await folder.write('parts/word.ts', "export const word = 'two';\n");
  const afterWord = (await lookTwice(places)).actions;
  expect([afterWord[0] === a, afterWord[1] === d, afterWord[2] === afterB[2]]).toEqual([false, true, true]);
});

test('data that code may read reloads everything', async () => {
  await folder.write('data.json', '1');
  await folder.write('a.ts', actionModule('a'));
  const places = placesOf([folder.path]);
  const before = (await places.look()).actions;
  await folder.write('data.json', '22');
  expect((await lookTwice(places)).actions[0]).not.toBe(before[0]);
});

test('a file that is emptied and then written keeps its action in between', async () => {
  await folder.write('a.ts', actionModule('a'));
  const places = placesOf([folder.path]);
  await places.look();
  await folder.write('a.ts', '');
  expect(await places.look()).toMatchObject({ hasChanged: false });
  await folder.write('a.ts', actionModule('a', { said: 'written' }));
  expect(await places.look()).toMatchObject({ hasChanged: false });
  const { hasChanged, actions } = await places.look();
  expect(hasChanged).toBe(true);
  expect(await saidBy(actions, 'a')).toBe('written');
});

test('a link to nothing is told once and keeps no other file from being followed', async () => {
  await symlink('nowhere.ts', join(folder.path, 'a.ts'));
  await symlink('nowhere', join(folder.path, 'README'));
  await folder.write('b.ts', actionModule('b'));
  const places = placesOf([folder.path]);
  const first = await places.look();
  expect(first.broken).toEqual([expect.stringMatching(/a\.ts: is a broken link$/)]);
  expect(namesOf(first.actions)).toEqual(['b']);
  await folder.write('b.ts', actionModule('b', { said: 'new' }));
  expect(await saidBy((await lookTwice(places)).actions, 'b')).toBe('new');
});

test('what looks like a definition but is not read is told once, with what is read instead', async () => {
  await folder.write('parts/shared.ts', actionModule('shared'));
  await folder.write('a.ts', `export { action } from './parts/shared.ts';\n`);
  await folder.write('one/action.ts', actionModule('one'));
  await folder.write('a.test.ts', actionModule('tested'));
  await folder.write('notes.yaml', 'colours: [red]\n');
  const places = placesOf([folder.path]);
  expect(await places.look()).toMatchObject({ broken: [], unread: [] });
  const declared = 'actions:\n  d: { command: { argv: [echo] } }\n';
  for (const name of ['team/actions.yaml', 'team/deep/quote.yml', 'mine.yaml'])
    await folder.write(name, declared);
  await folder.write('one/two/action.ts', actionModule('two'));
  const [first, second, third] = [await places.look(), await places.look(), await places.look()];
  const told = (name: string) =>
    expect.stringMatching(new RegExp(`${name} looks like a definition but is not read`));
  expect([first.unread, third.unread]).toEqual([[], []]);
  expect(second.unread).toEqual(
    ['mine.yaml', 'one/two/action.ts', 'team/actions.yaml', 'team/deep/quote.yml'].map(told),
  );
  expect(namesOf(second.actions).sort()).toEqual(['one', 'shared']);
});

test('a contract that no message can hold is broken, and the other actions are there', async () => {
  const words = JSON.stringify(Array.from({ length: 2_000 }, (_, index) => `word ${index}`));
  const large = actionModule('large').replace('z.object({}),', `z.object({ word: z.enum(${words}) }),`);
  await folder.write('a.ts', large);
  await folder.write('b.ts', actionModule('b'));
  const { broken, actions } = await placesOf([folder.path], { maxContractBytes: 5_000 }).look();
  expect(broken).toEqual([
    expect.stringMatching(
      /a\.ts: the schemas of large take \d+ bytes, more than the 5000 of a NATS message$/,
    ),
  ]);
  expect(namesOf(actions)).toEqual(['b']);
});

test('a percent sign in a folder or in a message hides no place of a mistake', async () => {
  await folder.write('100%/a.ts', "\nthrow new Error('file:///100%/sure:1');\n");
  const places = placesOf([join(folder.path, '100%')]);
  const { broken } = await places.look();
  expect(broken).toEqual([expect.stringMatching(/100%\/a\.ts:2: file:\/\/\/100%\/sure:1$/)]);
});

test('a mounted configuration is followed through its links, and threads run the code that the process has', async () => {
  await folder.write('..v1/a.ts', actionModule('a', { said: 'first' }));
  await folder.write('..v2/a.ts', actionModule('a', { said: 'second' }));
  await symlink('..v1', join(folder.path, '..data'));
  await symlink('..data/a.ts', join(folder.path, 'a.ts'));
  const places = placesOf([folder.path]);
  const first = (await places.look()).actions;
  await symlink('..v2', join(folder.path, '..data_tmp'));
  await rename(join(folder.path, '..data_tmp'), join(folder.path, '..data'));
  await rm(join(folder.path, '..v1'), { recursive: true });
  const { code } = first[0] ?? {};
  if (!code) throw new Error('it has no code');
  await using pool = createWorkerPool(code, 'a', () => {});
  const outcome = await pool.run(ORDER, idleHooks(new AbortController().signal));
  expect(outcome).toEqual({ kind: 'succeeded', json: '{"said":"first"}' });
  const { actions } = await lookTwice(places);
  expect(await saidBy(actions, 'a')).toBe('second');
});

test('the modules of a folder are ES modules, whatever its package.json says', async () => {
  await folder.write('package.json', '{ "type": "commonjs" }');
  await folder.write('a.js', actionModule('a'));
  await folder.write('b.js', "exports.b = require('@errand/actions');\n");
  await folder.write('parts/c.cjs', 'exports.c = 1;\n');
  await folder.write('c.ts', actionModule('c', { head: "import './parts/c.cjs';" }));
  const { broken, actions } = await placesOf([folder.path]).look();
  expect(namesOf(actions)).toEqual(['a']);
  expect(broken).toEqual([
    expect.stringMatching(/b\.js:1: exports is not defined in ES module scope/),
    expect.stringMatching(/c\.ts: .*parts\/c\.cjs is CommonJS, which cannot be reloaded/),
  ]);
});
