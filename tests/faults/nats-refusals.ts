import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Member } from './member.ts';
import type { Violation } from './promise-check.ts';

/** What NATS did not let a service do, by what the service has logged in `dir`: each once. */
export async function findNatsRefusals(dir: string, members: readonly Member[]): Promise<Violation[]> {
  const refused = new Set<string>();
  for (const { name } of members) {
    const said = await readFile(join(dir, `${name}.log`), 'utf8');
    for (const [what] of said.matchAll(/Permissions Violation for \w+ to \\?"[^"\\]+/g)) {
      refused.add(`${name}: ${what}`);
    }
  }
  return [...refused].map((detail) => ({ kind: 'nats_refused', detail }));
}
