/** The header that makes a download of a body, under its name if it has one: once in ASCII, once as it is (RFC 6266). */
export function dispositionOf(filename: string | undefined): string {
  if (filename === undefined) return 'attachment';
  const ascii = filename
    .normalize('NFKD')
    .replace(/[^\x20-\x7e]/g, '')
    .replace(/["\\%]/g, '_');
  const exact = encodeURIComponent(filename.toWellFormed()).replace(/['()*]/g, percentEncoded);
  return `attachment; filename="${ascii}"; filename*=UTF-8''${exact}`;
}

/** What encodeURIComponent leaves as it is and RFC 8187 does not allow. */
function percentEncoded(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
