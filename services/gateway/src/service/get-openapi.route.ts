import { hash } from 'node:crypto';
import type { CatalogueEntry } from '../actions/action-catalogue.ts';
import { defineRoute } from '../http/define-route.ts';
import { answerEmpty, hasTag } from '../http/respond.ts';
import type { ServiceGroup } from './service-group.ts';

/** The API with the actions that there are. It is written when they have changed, not for each call. */
export const getOpenapi = defineRoute({
  method: 'get',
  path: '/openapi.json',
  key: 'none',
  id: 'getOpenapi',
  tag: 'Service',
  summary: 'This document',
  description: 'It changes with the actions that executors announce.',
  answers: {
    200: {
      description: 'OpenAPI 3.1.',
      content: { 'application/json': { schema: { type: 'object' } } },
      headers: ['ETag'],
    },
    304: { description: 'The caller has it already.', headers: ['ETag'] },
  },
  handle: ({ service: { catalogue, describe } }: ServiceGroup) => {
    let written: { entries: CatalogueEntry[]; text: Uint8Array<ArrayBuffer>; etag: string } | undefined;
    return (c) => {
      const entries = catalogue.list();
      if (!written || !isSame(written.entries, entries)) {
        // As bytes, which all callers share: of a text each connection would hold a copy until it is read.
        const text = new TextEncoder().encode(JSON.stringify(describe(entries)));
        written = { entries, text, etag: `"${hash('sha256', text, 'base64url')}"` };
      }
      const { text, etag } = written;
      const headers = { etag, 'cache-control': 'no-cache' };
      if (hasTag(c.req.raw.headers.get('if-none-match'), etag)) return answerEmpty(c, 304, headers);
      return new Response(text, {
        headers: { ...headers, 'content-type': 'application/json', 'x-request-id': c.env.requestId },
      });
    };
  },
});

/** An entry stays the same object for as long as its contract stays the same. */
function isSame(a: readonly CatalogueEntry[], b: readonly CatalogueEntry[]): boolean {
  return a.length === b.length && a.every((entry, index) => entry === b[index]);
}
