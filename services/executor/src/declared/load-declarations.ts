import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import type { Action } from '@errand/actions';
import { LineCounter, parseDocument } from 'yaml';
import { checkDeclaration, type Declared, nameMistakes } from './check-declaration.ts';
import type { Environment } from './command/environment.ts';
import { Declarations } from './declaration.ts';
import { declaredAction } from './declared-action.ts';
import { mistakesOf, parseDeclaration } from './yaml/parse-declaration.ts';
import { type Mistake, type Place, placeOf } from './yaml/yaml-places.ts';
import { keepVersions, strangeValues, unreadable } from './yaml/yaml-values.ts';

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
  env: Environment = process.env,
): Promise<Action[]> {
  const short = relative(process.cwd(), file);
  const shown = short.startsWith('..') ? file : short;
  const lines = new LineCounter();
  const document = parseDocument(await readFile(file, 'utf8'), {
    lineCounter: lines,
    prettyErrors: false,
    resolveKnownTags: false,
  });
  const broken = unreadable(document, lines);
  if (broken.length > 0) throw new BadDeclarations(shown, broken);
  const strange = strangeValues(document, lines);
  const refuse = (mistakes: readonly Mistake[]) =>
    new BadDeclarations(shown, [
      ...strange,
      ...mistakes.map((mistake) => ({ ...mistake, ...placeOf(document, lines, mistake) })),
    ]);
  keepVersions(document);
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    throw refuse([{ path: [], message: (error as Error).message }]);
  }
  const { declared, mistakes } = read(content, { folder, env });
  if (strange.length + mistakes.length > 0) throw refuse(mistakes);
  return declared.map(declaredAction);
}

/** What a file declares, as far as it can be read, and whatever is wrong with it. */
function read(
  content: unknown,
  around: Pick<Declared, 'folder' | 'env'>,
): { declared: Declared[]; mistakes: Mistake[] } {
  const parsed = Declarations.safeParse(content);
  const mistakes = parsed.error?.issues.flatMap((issue) => mistakesOf(issue, content)) ?? [];
  const actions = Declarations.shape.actions.safeParse((content as { actions?: unknown } | null)?.actions);
  const declared: Declared[] = [];
  for (const [name, each] of Object.entries(actions.data ?? {})) {
    const { declaration, mistakes: ofForm } = parseDeclaration(each);
    const found = [...nameMistakes(name), ...ofForm];
    if (declaration) {
      found.push(...checkDeclaration({ declaration, ...around }));
      declared.push({ name, declaration, ...around });
    }
    mistakes.push(...found.map((mistake) => ({ ...mistake, path: ['actions', name, ...mistake.path] })));
  }
  return { declared, mistakes };
}
