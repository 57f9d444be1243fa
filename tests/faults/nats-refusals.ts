import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Member } from './member.ts';
import type { Violation } from './promise-check.ts';

/**
 * What NATS did not let a service do, by what the service has logged in `dir`: each once. Not counted are answers: a server lets a
 * service answer what it has itself passed on, and after a reconnection another server does not know of the question.
 */
export async function findNatsRefusals(dir: string, members: readonly Member[]): Promise<Violation[]> {
  const refused = new Set<string>();
  for (const { name } of members) {
    const said = await readFile(join(dir, `${name}.log`), 'utf8');
    for (const [what] of said.matchAll(/Permissions Violation for \w+ to \\?"[^"\\]+/g)) {
      if (!/Publish to \\?"_INBOX_/.test(what)) refused.add(`${name}: ${what}`);
    }
  }
  return [...refused].map((detail) => ({ kind: 'nats_refused', detail }));
}
