import { hash } from 'node:crypto';
import type { ActionCatalogue, CatalogueEntry } from '../actions/action-catalogue.ts';
import type { Handler } from '../http/authenticate.ts';
import { hasTag } from '../http/has-tag.ts';
import { answerEmpty } from '../http/respond.ts';
import { openapiDocument } from './document.ts';

/** GET /openapi.json: the API with the actions that there are. It is written when they have changed, not for each call. */
export function getOpenapi({ catalogue }: { catalogue: Pick<ActionCatalogue, 'list'> }): Handler {
  let written: { entries: CatalogueEntry[]; text: string; etag: string } | undefined;
  return (c) => {
    const entries = catalogue.list();
    if (!written || !isSame(written.entries, entries)) {
      const text = JSON.stringify(openapiDocument(entries));
      written = { entries, text, etag: `"${hash('sha256', text, 'base64url')}"` };
    }
    const { text, etag } = written;
    const headers = { etag, 'cache-control': 'no-cache' };
    if (hasTag(c.req.raw.headers.get('if-none-match'), etag)) return answerEmpty(c, 304, headers);
    return new Response(text, {
      headers: { ...headers, 'content-type': 'application/json', 'x-request-id': c.env.requestId },
    });
  };
}

/** An entry stays the same object for as long as its contract stays the same. */
function isSame(a: readonly CatalogueEntry[], b: readonly CatalogueEntry[]): boolean {
  return a.length === b.length && a.every((entry, index) => entry === b[index]);
}
