import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import type { Action } from '@errand/actions';
import { LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { checkDeclaration } from './check-declaration.ts';
import { Declarations } from './declaration.ts';
import { declaredAction } from './declared-action.ts';
import { type Mistake, type Place, placeOf } from './yaml-places.ts';

/** Thrown with a line for each mistake in an actions.yaml: file, line, column, path and what is wrong. */
class BadDeclarations extends Error {
  override name = 'BadDeclarations';
  readonly code = 'bad_declarations';
  readonly retryable = false;
  readonly places: readonly Place[];
  constructor(file: string, mistakes: readonly (Mistake & Place)[]) {
    const sorted = mistakes.toSorted((a, b) => a.line - b.line || a.column - b.column);
    const lines = sorted.map(({ line, column, path, message }) =>
      [`${file}:${line}:${column}`, path.map(String).join('.'), message]
        .filter((part) => part !== '')
        .join(': '),
    );
    super(lines.join('\n'));
    this.places = sorted;
  }
}

/** Aliases may repeat so much of a file and no more. */
const MAX_ALIASES = 100;

/**
 * The actions that a file declares. Secrets are read from `env` and held by the actions only.
 * @throws BadDeclarations naming every mistake.
 */
export async function loadDeclarations(
  file: string,
  folder: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<Action[]> {
  const short = relative(process.cwd(), file);
  const shown = short.startsWith('..') ? file : short;
  const lines = new LineCounter();
  const document = parseDocument(await readFile(file, 'utf8'), { lineCounter: lines, prettyErrors: false });
  const refuse = (mistakes: readonly Mistake[]) =>
    new BadDeclarations(
      shown,
      mistakes.map((mistake) => ({ ...mistake, ...placeOf(document, lines, mistake) })),
    );
  if (document.errors.length > 0) {
    const mistakes = document.errors.map(({ pos, message }) => {
      const { line, col } = lines.linePos(pos[0]);
      return { path: [], message, line, column: col };
    });
    throw new BadDeclarations(shown, mistakes);
  }
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    throw refuse([{ path: [], message: (error as Error).message }]);
  }
  const parsed = Declarations.safeParse(content);
  if (!parsed.success) throw refuse(parsed.error.issues.flatMap((issue) => mistakesOf(issue, content)));
  const declared = Object.entries(parsed.data.actions);
  const mistakes = declared.flatMap(([name, declaration]) =>
    checkDeclaration({ name, declaration, folder, env }).map(({ path, message }) => ({
      path: ['actions', name, ...path],
      message,
    })),
  );
  if (mistakes.length > 0) throw refuse(mistakes);
  return declared.map(([name, declaration]) => declaredAction({ name, declaration, folder, env }));
}

function mistakesOf(issue: z.core.$ZodIssue, content: unknown): Mistake[] {
  const { path } = issue;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: [...path, key],
      message: 'is not a known word here',
      isKey: true,
    }));
  }
  // A key of the map of actions.
  if (issue.code === 'invalid_key') return [{ path, message: issue.issues[0]?.message ?? issue.message }];
  const isMissing = issue.code === 'invalid_type' && valueAt(content, path) === undefined;
  return [{ path, message: isMissing ? 'is missing' : issue.message }];
}

function valueAt(content: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
    content,
  );
}
