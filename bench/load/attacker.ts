import { constants, setPriority } from 'node:os';
import { type AttackOrder, answers, attack } from './attacks.ts';

/*
 * A process that attacks as its parent tells it, until it is killed. It stands for callers on other machines, so it
 * uses only CPU time of this one that nobody else wants.
 */

setPriority(constants.priority.PRIORITY_LOW);
process.on('message', (message: AttackOrder | 'answers') => {
  if (message === 'answers') process.send?.(answers);
  else attack(message);
});
process.once('disconnect', () => process.exit());
