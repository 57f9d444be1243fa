import { createReadStream, createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { checkAudit } from '../check-audit.ts';
import type { World } from '../command.ts';
import type { ExitCode } from '../exit-codes.ts';
import { CannotRun, reasonOf } from '../gateway.ts';

/** Writes an export to a file, or to stdout without one. 2 if it broke off. */
export async function exportAudit(
  world: World,
  options: { query: Readonly<Record<string, string | undefined>>; out: string | undefined },
): Promise<ExitCode> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(options.query)) if (value !== undefined) query.set(name, value);
  const { body } = await (await world.gateway()).ask('GET', `/admin/audit?${query}`);
  if (!body) throw new CannotRun('the answer has no body');
  // Its end tells whether all came: what breaks off has no manifest.
  let tail = '';
  const watched = Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]).on(
    'data',
    (chunk: Buffer) => {
      tail = (tail + chunk.toString('latin1')).slice(-2_000);
    },
  );
  try {
    if (options.out === undefined) await pipeline(watched, world.stdout, { end: false });
    else await pipeline(watched, createWriteStream(options.out));
  } catch (error) {
    throw new CannotRun(`the export broke off: ${reasonOf(error)}`);
  }
  const manifest = tail.trimEnd().split('\n').at(-1) ?? '';
  if (!manifest.startsWith('{"manifest":')) throw new CannotRun('the export broke off before its manifest');
  world.say(manifest);
  return 0;
}

/** Checks a file. 1 if it does not hold, with the line where that shows. */
export async function checkAuditFile(
  world: World,
  options: { file: string; anchor: string | undefined },
): Promise<ExitCode> {
  const input = createReadStream(options.file);
  const opened = Promise.withResolvers<void>();
  input.once('open', () => opened.resolve()).once('error', opened.reject);
  await opened.promise.catch((error) => {
    throw new CannotRun(`${options.file} cannot be read: ${reasonOf(error)}`);
  });
  // Only a line feed ends a line: other line breaks may stand in texts.
  const check = await checkAudit(linesOf(input), options.anchor);
  if (world.json) world.stdout.write(`${JSON.stringify(check)}\n`);
  else if (check.kind === 'broken') world.stdout.write(`line ${check.line}: ${check.reason}\n`);
  else {
    const gaps = { true: ', positions without a gap', false: ', POSITIONS ARE MISSING', null: '' };
    world.stdout.write(`${check.count} events hold, chain ${check.chain}${gaps[`${check.isContiguous}`]}\n`);
  }
  return check.kind === 'holds' && check.isContiguous !== false ? 0 : 1;
}

async function* linesOf(input: Readable): AsyncGenerator<string, void, undefined> {
  let rest = '';
  for await (const chunk of input.setEncoding('utf8')) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}
