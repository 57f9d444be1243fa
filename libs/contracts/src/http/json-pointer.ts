/** A JSON Pointer in URI fragment form (RFC 6901, 6). */
export function fragmentOf(pointer: string): string {
  return `#${encodeURI(pointer.toWellFormed()).replaceAll('#', '%23')}`;
}

/** A property's name as a token of a JSON Pointer. */
export function pointerToken(name: PropertyKey): string {
  return `/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
