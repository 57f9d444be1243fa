import { fork } from 'node:child_process';
import { once } from 'node:events';
import { killWithThisProcess } from '../harness/bench-system.ts';
import type { AttackOrder } from './attacks.ts';

export interface RunningAttack extends AsyncDisposable {
  /** How many answers of each status it has had. */
  answers(): Promise<Readonly<Record<string, number>>>;
}

/** The attacker is a separate process, so that it does not slow down the measurement. */
export async function startAttack(order: AttackOrder): Promise<RunningAttack> {
  const child = fork(new URL('./attacker.ts', import.meta.url));
  killWithThisProcess(child);
  await once(child, 'spawn');
  child.send(order);
  return {
    async answers() {
      child.send('answers');
      const [answers] = (await once(child, 'message')) as [Record<string, number>];
      return answers;
    },
    async [Symbol.asyncDispose]() {
      const exited = once(child, 'exit');
      child.kill();
      await exited;
    },
  };
}
