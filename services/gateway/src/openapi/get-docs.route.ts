import { brotliDecompressSync } from 'node:zlib';
import type { Handler } from '../http/authenticate.ts';
import { Refusal } from '../http/problem.ts';
import { DOCS_FILES } from './docs-files.ts';

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Errand API</title>
<link rel="icon" href="data:,">
</head>
<body>
<div id="reference"></div>
${DOCS_FILES.map(({ name }) => `<script src="/docs/${name}"></script>`).join('\n')}
</body>
</html>
`;

/** Scripts are files of this server, and no text becomes one. Scalar writes styles into the page, so these may be inline. */
const POLICY = [
  ...["default-src 'none'", "script-src 'self'", "style-src 'unsafe-inline'", "connect-src 'self'"],
  ...["img-src 'self' data:", "font-src 'self' data:", "base-uri 'none'", "form-action 'none'"],
  "frame-ancestors 'none'",
].join('; ');

/** GET /docs: the API for people. Nothing on the page comes from anywhere but this server. */
export function getDocs(): Handler {
  return (c) =>
    new Response(PAGE, {
      headers: {
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-cache',
        'content-security-policy': POLICY,
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'x-request-id': c.env.requestId,
      },
    });
}

/** GET /docs/{file}: for ever the same under its name. Sent as it is stored to whoever takes brotli. */
export function getDocsFile(): Handler {
  return (c) => {
    const file = DOCS_FILES.find(({ name }) => name === c.req.param('file'));
    if (!file) throw new Refusal('unknown_route');
    const isCompressed = takesBrotli(c.req.header('accept-encoding') ?? '');
    return new Response(isCompressed ? file.compressed : brotliDecompressSync(file.compressed), {
      headers: {
        'content-type': 'text/javascript; charset=utf-8',
        'cache-control': 'public, max-age=31536000, immutable',
        ...(isCompressed ? { 'content-encoding': 'br' } : {}),
        vary: 'accept-encoding',
        'x-content-type-options': 'nosniff',
        'x-request-id': c.env.requestId,
      },
    });
  };
}

/** RFC 9110, 12.5.3. */
function takesBrotli(acceptEncoding: string): boolean {
  return acceptEncoding.split(',').some((coding) => {
    const [name = '', weight = ''] = coding.split(';').map((part) => part.trim().toLowerCase());
    return name === 'br' && !/^q=0(?:\.0*)?$/.test(weight);
  });
}
