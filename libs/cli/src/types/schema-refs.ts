/*
 * References within one JSON Schema (2020-12): by pointer (`#/$defs/node`), by anchor (`#node`), or to the whole (`#`).
 */

export type Schema = Record<string, unknown>;

export interface SchemaRefs {
  /** What a reference resolves to; undefined if it leads nowhere, out of the schema, or only back to itself. */
  find(ref: string): unknown;
}

const IN_PLACE = ['allOf', 'anyOf', 'oneOf'];

export function schemaRefs(root: unknown): SchemaRefs {
  const anchors = new Map<string, Schema>();
  collectAnchors(root, anchors);
  const lead = (ref: string): unknown => {
    if (!ref.startsWith('#')) return undefined;
    const fragment = decoded(ref.slice(1));
    if (fragment === undefined || (fragment !== '' && !fragment.startsWith('/'))) {
      return fragment === undefined ? undefined : anchors.get(fragment);
    }
    return follow(root, fragment);
  };
  return {
    find(ref) {
      const target = lead(ref);
      return leadsBack(target, target, lead) ? undefined : target;
    },
  };
}

function collectAnchors(node: unknown, anchors: Map<string, Schema>): void {
  if (!isObject(node)) return;
  for (const word of ['$anchor', '$dynamicAnchor']) {
    const name = node[word];
    if (typeof name === 'string' && !anchors.has(name)) anchors.set(name, node);
  }
  for (const each of Object.values(node)) collectAnchors(each, anchors);
}

/** By a JSON pointer (RFC 6901). */
function follow(root: unknown, pointer: string): unknown {
  let node = root;
  for (const word of pointer.split('/').slice(1)) {
    const name = word.replaceAll('~1', '/').replaceAll('~0', '~');
    if (!isObject(node) || !Object.hasOwn(node, name)) return undefined;
    node = node[name];
  }
  return node;
}

/** Whether a schema refers back to itself with no member or item between: nothing follows from that. */
function leadsBack(
  node: unknown,
  target: unknown,
  lead: (ref: string) => unknown,
  seen = new Set<unknown>(),
): boolean {
  if (!isObject(node) || seen.has(node)) return false;
  seen.add(node);
  const nexts = IN_PLACE.flatMap((word) => (Array.isArray(node[word]) ? node[word] : []));
  if (typeof node.$ref === 'string') nexts.push(lead(node.$ref));
  return nexts.some((next) => next === target || leadsBack(next, target, lead, seen));
}

function decoded(fragment: string): string | undefined {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null;
}
