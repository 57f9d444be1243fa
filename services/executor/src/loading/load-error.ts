import { execFile } from 'node:child_process';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { CodeVersion } from './module-code.ts';

/** Says what is wrong with an action file, beginning with the place: `actions/hello.ts:3: …`. */
export async function explainLoadError(
  error: unknown,
  { file, version }: { file: string; version: CodeVersion },
): Promise<string> {
  if (!(error instanceof Error)) return `${shownPath(file)}: ${error}`;
  // Already has a place for each of its lines.
  if ('places' in error) return error.message;
  const stack = error.stack ?? '';
  const place = placeIn(stack, version) ?? (await brokenScript(error, version));
  return `${place ?? shownPath(file)}: ${error.message.replaceAll(/\?errand=\d+/g, '')}`;
}

/** The first place of a stack, or of the line before it, that is in the folder. */
function placeIn(stack: string, { root }: CodeVersion): string | undefined {
  const folder = fileURLToPath(root);
  for (const [, path = '', line] of stack.matchAll(/((?:file:\/\/)?\/[^\s()?:]+)(?:\?errand=\d+)?:(\d+)/g)) {
    const plain = plainPath(path);
    if (plain.startsWith(folder)) return `${shownPath(plain)}:${line}`;
  }
  return undefined;
}

/** What looks like a URL in a message need not be one. */
function plainPath(path: string): string {
  try {
    return path.startsWith('file:') ? fileURLToPath(path) : path;
  } catch {
    return path;
  }
}

/** A syntax error in JavaScript does not say where it is to whoever imported it; a check of the file alone does. */
async function brokenScript(error: Error, version: CodeVersion): Promise<string | undefined> {
  if (error.name !== 'SyntaxError') return undefined;
  for (const url of version.sources.keys()) {
    const path = fileURLToPath(url);
    const stderr = await promisify(execFile)(process.execPath, ['--check', path]).then(
      () => '',
      (failure: { stderr?: string }) => failure.stderr ?? '',
    );
    const place = placeIn(stderr, version);
    if (place) return place;
  }
  return undefined;
}

/** As an author in this folder would name it. */
export function shownPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : short;
}
