import { answerStored } from '../http/answer-stored.ts';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { text } from '../openapi/operation.ts';
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

/** The API for people. Nothing on the page comes from anywhere but this server. */
export const getDocs = defineRoute({
  method: 'get',
  path: '/docs',
  key: 'none',
  id: 'getDocs',
  tag: 'Service',
  summary: 'This document, for people',
  description: 'A page that needs nothing from anywhere else.',
  answers: { 200: text('The page.', 'text/html') },
  handle: () => (c) =>
    new Response(PAGE, {
      headers: {
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-cache',
        'content-security-policy': POLICY,
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'x-request-id': c.env.requestId,
      },
    }),
});

/** For ever the same under its name. Sent as it is stored to whoever takes brotli. */
export const getDocsFile = defineRoute({
  method: 'get',
  path: '/docs/{file}',
  key: 'none',
  id: 'getDocsFile',
  tag: 'Service',
  summary: "The page's files",
  description: 'A script of its own and the one that shows the document.',
  parameters: [
    {
      name: 'file',
      in: 'path',
      description: 'As the page names it.',
      schema: { type: 'string' },
      required: true,
    },
  ],
  answers: { 200: text('The file.', 'text/javascript') },
  problems: ['unknown_route'],
  handle: () => (c) => {
    const file = DOCS_FILES.find(({ name }) => name === c.req.param('file'));
    if (!file) throw new Refusal('unknown_route');
    return answerStored(c, { ...file, type: 'text/javascript', isForEver: true });
  },
});
