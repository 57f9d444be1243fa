import { type Document, isCollection, isMap, isNode, isScalar, type LineCounter } from 'yaml';

/** Something wrong in a document, at the keys that lead to it. */
export interface Mistake {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  /** The last key itself is wrong, whatever its value. */
  readonly isKey?: boolean;
}

export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Where the value of a mistake's path stands, or the innermost of its parents that is there. Lines and columns count from 1. */
export function placeOf(document: Document, lines: LineCounter, { path, isKey = false }: Mistake): Place {
  let node: unknown = document.contents;
  let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
  for (const [index, key] of path.entries()) {
    if (!isCollection(node)) break;
    const pair = isMap(node)
      ? node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key))
      : undefined;
    const next: unknown = pair ? pair.value : node.get(key, true);
    // A list or a map is found by its name, a word by itself.
    const isNamed = !isScalar(next) || (isKey && index === path.length - 1);
    const shown = pair && isNamed ? pair.key : next;
    if (!isNode(shown)) break;
    offset = shown.range?.[0] ?? offset;
    node = next;
  }
  const { line, col } = lines.linePos(offset);
  return { line, column: col };
}
