/**
 * Numbers values so that two have the same number if and only if JSON Schema calls them equal: the order of members
 * does not matter, and 1 equals 1.0. Each object is read once however often it is asked for, and table keys are texts,
 * which hash by a secret of the process: no input makes this take more than linear time.
 */
export function numberValues(): (value: unknown) => number {
  const idOf = new Map<object, number>();
  const ids = new Map<string, number>();

  function interned(text: string): number {
    let id = ids.get(text);
    if (id === undefined) {
      id = ids.size;
      ids.set(text, id);
    }
    return id;
  }

  function textOf(value: object): string {
    if (Array.isArray(value)) return `[${value.map(number).join()}`;
    let text = '{';
    for (const key of Object.keys(value).sort()) {
      text += `${key.length}:${key}${number((value as Record<string, unknown>)[key])},`;
    }
    return text;
  }

  function number(value: unknown): number {
    if (typeof value === 'string') return interned(`"${value}`);
    // JSON Schema does not distinguish -0 from 0, and neither does its text.
    if (typeof value !== 'object' || value === null) return interned(`#${value}`);
    let id = idOf.get(value);
    if (id === undefined) {
      id = interned(textOf(value));
      idOf.set(value, id);
    }
    return id;
  }
  return number;
}
