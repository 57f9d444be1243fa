import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { ErrandError } from '@errand/client';
import { causeOf } from '@errand/client/for-command';
import { CannotRun } from '../../cannot-run.ts';
import { tell, type World } from '../../command.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { writeWhole } from '../../output/write-whole.ts';
import { checkAudit } from './check-audit.ts';

/** A gateway searching for the few events that match a filter sends nothing for a while. */
const SILENCE_MS = 300_000;
const TAIL_BYTES = 2_000;

/** Writes an export to a file, or to stdout without one. 2 if it broke off. */
export async function exportAudit(
  world: World,
  { query, out }: { query: Readonly<Record<string, string | undefined>>; out: string | undefined },
): Promise<ExitCode> {
  const pieces = (await world.gateway()).stream({ method: 'GET', path: '/admin/audit', query }, SILENCE_MS);
  // A refusal comes before a file is made.
  const first = await pieces.next();
  // Only the end shows whether everything came: an export that broke off has no manifest.
  let tail = '';
  const manifest = () => tail.trimEnd().split('\n').at(-1) ?? '';
  async function* watched() {
    try {
      for (let { value } = first; value; value = (await pieces.next()).value) {
        tail = (tail + Buffer.from(value).toString('latin1')).slice(-TAIL_BYTES);
        yield value;
      }
    } finally {
      await pieces.return();
    }
    if (!manifest().startsWith('{"manifest":')) throw new CannotRun('it ends without a manifest');
  }
  try {
    if (out === undefined) await pipeline(watched, world.stdout, { end: false });
    else await writeWhole(out, watched());
  } catch (error) {
    const reason = error instanceof ErrandError ? error.detail : causeOf(error);
    throw new CannotRun(`the export was cut off: ${reason}`);
  }
  world.say(manifest());
  return 0;
}

/** Checks a file. 1 if it does not verify, with the line where that shows. */
export async function checkAuditFile(
  world: World,
  { file, anchor }: { file: string; anchor: string | undefined },
): Promise<ExitCode> {
  const check = await checkAudit(linesOf(file), anchor);
  tell(world, check, () => {
    if (check.kind === 'broken') return `line ${check.line}: ${check.reason}`;
    const gaps = { true: ', positions without a gap', false: ', POSITIONS ARE MISSING', null: '' };
    return `${check.count} events hold, chain ${check.chain}${gaps[`${check.isContiguous}`]}`;
  });
  return check.kind === 'holds' && check.isContiguous !== false ? 0 : 1;
}

/** Only a line feed ends a line: other line breaks may occur in texts. @throws CannotRun */
async function* linesOf(file: string): AsyncGenerator<string, void, undefined> {
  let rest = '';
  try {
    for await (const chunk of createReadStream(file, 'utf8')) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } catch (error) {
    throw new CannotRun(`${file} cannot be read: ${causeOf(error)}`);
  }
  if (rest !== '') yield rest;
}
