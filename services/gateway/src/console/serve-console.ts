import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, brotliDecompressSync } from 'node:zlib';
import { type PortalSession, PortalSessionId } from '@errand/contracts';
import type { Hono } from 'hono';
import type { Lookup } from '../actions/lookup.ts';
import { answerStored, type StoredFile } from '../http/answer-stored.ts';
import { Refusal } from '../http/problem.ts';
import type { Env } from '../http/request-log.ts';
import { VENDORED_CONSOLE } from '../vendored.ts';

/*
 * The console is a page and its parts, built beforehand. Every path below /console is the page, which finds its view by
 * the path; the parts are below /console/assets. The portal, below /portal/<session>, is another page of the same parts, and its session
 * says who may frame it.
 */

/** Nothing but this server is asked, nothing else may frame the page, and no text becomes a script. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'self'",
].join('; ');
const PAGE_HEADERS = { 'referrer-policy': 'no-referrer', 'cross-origin-opener-policy': 'same-origin' };
const NEVER_FRAMED = {
  ...PAGE_HEADERS,
  'content-security-policy': `${POLICY}; frame-ancestors 'none'`,
  'x-frame-options': 'DENY',
};
const TYPES: Readonly<Record<string, string>> = { js: 'text/javascript', css: 'text/css' };

/** `providerLabel`: what people may sign in with beside keys. */
export function mountConsole(app: Hono<Env>, providerLabel: string | undefined): void {
  const page = providerLabel === undefined ? readPage('index.html') : withProvider(providerLabel);
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

/** Its parts are the console's. */
export function mountPortal(app: Hono<Env>, portals: Lookup<PortalSession>): void {
  const portalPage = readPage('portal.html');
  for (const path of ['/portal/:session_id', '/portal/:session_id/*']) {
    app.get(path, async (c) => {
      c.env.route = '/portal/{session_id}';
      const id = c.req.param('session_id') ?? '';
      const session = PortalSessionId.safeParse(id).success ? await portals.find(id) : undefined;
      return answerStored(c, { ...portalPage, headers: framedBy(session?.frame_ancestors ?? []) });
    });
  }
}

function readPage(name: string): StoredFile {
  return {
    compressed: readFileSync(join(VENDORED_CONSOLE, `${name}.br`)),
    type: 'text/html',
    isForEver: false,
    headers: NEVER_FRAMED,
  };
}

/** The page with the provider's name in its head, where its script looks for it. */
function withProvider(label: string): StoredFile {
  const page = readPage('index.html');
  const name = label.replace(/[&"<>]/g, (character) => `&#${character.charCodeAt(0)};`);
  const html = brotliDecompressSync(page.compressed).toString('utf8');
  const said = html.replace('</head>', () => `  <meta name="errand-provider" content="${name}">\n  </head>`);
  return { ...page, compressed: brotliCompressSync(said) };
}

/** A page that only pages of these origins may frame. */
function framedBy(origins: readonly string[]): Record<string, string> {
  if (origins.length === 0) return NEVER_FRAMED;
  return { ...PAGE_HEADERS, 'content-security-policy': `${POLICY}; frame-ancestors ${origins.join(' ')}` };
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
