import { expect, test } from 'vitest';
import { createCrew } from './crew.ts';
import { startIdleProcess } from './idle-process.ts';
import { runsWith } from './processes.ts';
import type { Child } from './supervise.ts';

const WORD = 'crew-idle';
const noSay = () => {};

test('a service whose start is under way when the crew stops is stopped, too', async () => {
  const crew = createCrew(() => {});
  const release = Promise.withResolvers<void>();
  let child: Child | undefined;
  const start = async () => {
    await release.promise;
    child = await startIdleProcess(WORD);
    return child;
  };
  const added = crew.add('service', { name: 'late', start, say: noSay });
  const stopped = crew.stop();
  release.resolve();
  await Promise.all([added, stopped]);
  expect(await runsWith(child?.pid ?? 0, WORD)).toBe(false);
  await expect(crew.add('service', { name: 'later', start, say: noSay })).rejects.toThrow('stopping');
});

test('servers are stopped after the services', async () => {
  const crew = createCrew(() => {});
  const ends: string[] = [];
  const startNamed = (name: string) => async () => {
    const child = await startIdleProcess(WORD);
    void child.exited.then(() => ends.push(name));
    return child;
  };
  await crew.add('server', { name: 'server', start: startNamed('server'), say: noSay });
  await crew.add('service', { name: 'service', start: startNamed('service'), say: noSay });
  expect(Object.keys(crew.pids())).toEqual(['server', 'service']);
  await crew.stop();
  expect(ends).toEqual(['service', 'server']);
});
