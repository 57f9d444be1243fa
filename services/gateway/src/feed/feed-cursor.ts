/** A place in a tenant's feed: behind the event of this version, which was passed at this time (Unix milliseconds). */
export interface FeedCursor {
  readonly version: number;
  readonly atMs: number;
}

/** As callers see it; they give it back as it is. */
export function feedCursorText({ version, atMs }: FeedCursor): string {
  return Buffer.from(`${version}.${atMs}`).toString('base64url');
}

/** Undefined for what no feed has ever given out. */
export function readFeedCursor(text: string): FeedCursor | undefined {
  const decoded = /^[\w-]{4,48}$/.test(text) ? Buffer.from(text, 'base64url').toString('latin1') : '';
  const [, version, atMs] = /^(\d{1,15})\.(\d{1,15})$/.exec(decoded) ?? [];
  return version === undefined || atMs === undefined
    ? undefined
    : { version: Number(version), atMs: Number(atMs) };
}
