import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Hono } from 'hono';
import { answerStored, type StoredFile } from '../http/answer-stored.ts';
import { Refusal } from '../http/problem.ts';
import type { Env } from '../http/request-log.ts';
import { VENDORED_CONSOLE } from '../vendored.ts';

/*
 * The console is a page and its parts, built beforehand. Every path below /console is the page, which finds its view by
 * the path; the parts are below /console/assets.
 */

/** Nothing but this server is asked, nothing else may frame the page, and no text becomes a script. */
const POLICY = [
  ...[
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
  ],
  ...["base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"],
].join('; ');
const PAGE_HEADERS = {
  'content-security-policy': POLICY,
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
};
const TYPES: Readonly<Record<string, string>> = { js: 'text/javascript', css: 'text/css' };

export function mountConsole(app: Hono<Env>): void {
  const page: StoredFile = {
    compressed: readFileSync(join(VENDORED_CONSOLE, 'index.html.br')),
    type: 'text/html',
    isForEver: false,
    headers: PAGE_HEADERS,
  };
  const assets = readAssets(join(VENDORED_CONSOLE, 'assets'));
  app.get('/console/assets/:file', (c) => {
    c.env.route = '/console/assets/{file}';
    const file = assets.get(c.req.param('file'));
    if (!file) throw new Refusal('unknown_route');
    return answerStored(c, file);
  });
  for (const path of ['/console', '/console/*']) {
    app.get(path, (c) => {
      c.env.route = '/console';
      return answerStored(c, page);
    });
  }
}

function readAssets(folder: string): ReadonlyMap<string, StoredFile> {
  return new Map(
    readdirSync(folder).map((stored) => {
      const name = stored.replace(/\.br$/, '');
      const type = TYPES[name.split('.').at(-1) ?? ''] ?? 'text/plain';
      return [name, { compressed: readFileSync(join(folder, stored)), type, isForEver: true }];
    }),
  );
}
