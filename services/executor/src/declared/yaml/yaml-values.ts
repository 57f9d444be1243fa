import { type Document, isMap, isNode, isScalar, type LineCounter, visit } from 'yaml';
import type { Mistake, Place } from './yaml-places.ts';

type Placed = Mistake & Place;

/** Objects, and what copies them, take that name for something else. */
const NO_NAME = '__proto__';

/** What keeps a document from being read at all. */
export function unreadable(document: Document, lines: LineCounter): Placed[] {
  const found = document.errors.map(({ pos, message }) => placed(lines, pos[0], message));
  visit(document, {
    Alias(_, alias, parents) {
      const repeated = alias.resolve(document);
      if (!parents.some((parent) => parent === repeated)) return;
      found.push(placed(lines, startOf(alias), `*${alias.source} refers to a node that contains it`));
    },
  });
  return found;
}

/** What would be something else, or nothing, as JSON. It is taken out where it would be in the way of other checks. */
export function strangeValues(document: Document, lines: LineCounter): Placed[] {
  // Unknown tags, and directives.
  const found = document.warnings.map(({ pos, message }) => placed(lines, pos[0], message));
  visit(document, {
    Pair(_, { key }) {
      if (!isScalar(key) || key.value !== NO_NAME) return undefined;
      found.push(placed(lines, startOf(key), `${NO_NAME} is not allowed as a name`));
      return visit.REMOVE;
    },
  });
  return found;
}

/** Makes numbers texts where a version is meant: 1.10 is another one than 1.1. */
export function keepVersions(document: Document): void {
  const actions = isMap(document.contents) ? document.contents.get('actions', true) : undefined;
  for (const { value: action } of isMap(actions) ? actions.items : []) {
    const version = isMap(action) ? action.get('version', true) : undefined;
    if (isScalar(version) && typeof version.value === 'number') version.value = version.source;
  }
}

function startOf(node: unknown): number {
  return isNode(node) ? (node.range?.[0] ?? 0) : 0;
}

function placed(lines: LineCounter, offset: number, message: string): Placed {
  const { line, col } = lines.linePos(offset);
  return { path: [], message, line, column: col };
}
