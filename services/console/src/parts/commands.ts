/* Commands for a shell that do what a view does. Keys are named, never shown. */

/** One word, whatever is in it. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** A curl command for a call of the API. */
export function curlOf(
  path: string,
  { method = 'GET', body }: { method?: string; body?: string } = {},
): string {
  const lines = [
    `curl -s${method === 'GET' ? '' : ` -X ${method}`} -H "authorization: Bearer $ERRAND_API_KEY"`,
  ];
  if (body !== undefined) lines.push(`-H 'content-type: application/json' -d ${shellWord(body)}`);
  return [...lines, shellWord(new URL(path, location.origin).href)].join(' \\\n  ');
}

/** The errand command with these words. */
export function errandOf(...words: readonly string[]): string {
  return ['errand', ...words.map(shellWord)].join(' ');
}
