import { randomBytes } from 'node:crypto';
import { brotliDecompressSync } from 'node:zlib';
import { bootFile, scalarFile } from '../docs-files.ts';
import type { Handler } from '../middleware/authenticate.ts';
import { Refusal } from '../problem.ts';

const FILES = [scalarFile, bootFile];

/** GET /docs: the API for people. Nothing on the page comes from anywhere but this server, and no text becomes code. */
export function getDocs(): Handler {
  return (c) => {
    const nonce = randomBytes(16).toString('base64url');
    return new Response(page(nonce), {
      headers: {
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-store',
        'content-security-policy': policy(nonce),
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'x-request-id': c.env.requestId,
      },
    });
  };
}

/** GET /docs/{file}: for ever the same under its name. Sent as it is stored to whoever takes brotli. */
export function getDocsFile(): Handler {
  return (c) => {
    const file = FILES.find(({ name }) => name === c.req.param('file'));
    if (!file) throw new Refusal('unknown_route');
    const takesBrotli = /(?:^|,)\s*br\s*(?:,|;(?!\s*q=0(?:\.0*)?\s*(?:,|$))|$)/.test(
      c.req.header('accept-encoding') ?? '',
    );
    return new Response(takesBrotli ? file.compressed : brotliDecompressSync(file.compressed), {
      headers: {
        'content-type': 'text/javascript; charset=utf-8',
        'cache-control': 'public, max-age=31536000, immutable',
        ...(takesBrotli ? { 'content-encoding': 'br' } : {}),
        vary: 'accept-encoding',
        'x-content-type-options': 'nosniff',
        'x-request-id': c.env.requestId,
      },
    });
  };
}

function page(nonce: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta property="csp-nonce" content="${nonce}">
<title>Errand API</title>
<link rel="icon" href="data:,">
</head>
<body>
<div id="reference"></div>
<script src="/docs/${scalarFile.name}"></script>
<script src="/docs/${bootFile.name}"></script>
</body>
</html>
`;
}

function policy(nonce: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'nonce-${nonce}'`,
    "connect-src 'self'",
    "img-src 'self' data:",
    "font-src 'self' data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
