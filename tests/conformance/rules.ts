import type { Rule } from './rule.ts';
import { announcing } from './rules/announcing.ts';
import { appending } from './rules/appending.ts';
import { dying } from './rules/dying.ts';
import { oddBodies } from './rules/odd-bodies.ts';
import { running } from './rules/running.ts';
import { waiting } from './rules/waiting.ts';

/** Every rule of docs/executor-protocol.md, in its order. */
export const RULES: readonly Rule[] = [
  ...announcing,
  ...appending,
  ...running,
  ...waiting,
  ...dying,
  ...oddBodies,
].toSorted((a, b) => Number(a.id.slice(1)) - Number(b.id.slice(1)));
