import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { brotliCompressSync } from 'node:zlib';
import { VENDORED_SCALAR } from '../vendored.ts';

/** A script of the documentation page, compressed with brotli. Its name changes with what is in it. */
interface DocsFile {
  readonly name: string;
  readonly compressed: Buffer<ArrayBuffer>;
}

/**
 * Loaded before Scalar. Its schema library must not try whether text may become code; and it asks nobody but this
 * server: no fonts, no proxy, no telemetry, no services of its own.
 */
const BOOT = `'use strict';
globalThis.__zod_globalConfig = { jitless: true };
addEventListener('DOMContentLoaded', () => {
  Scalar.createApiReference('#reference', {
    url: '/openapi.json',
    withDefaultFonts: false,
    telemetry: false,
    proxyUrl: '',
    showDeveloperTools: 'never',
    hideClientButton: true,
    persistAuth: false,
    documentDownloadType: 'json',
    mcp: { disabled: true },
    agent: { disabled: true },
  });
});
`;

/** The one that shows a document, after the one that tells it which. */
export const DOCS_FILES = [
  fileOf('boot', brotliCompressSync(BOOT)),
  fileOf('scalar', readFileSync(VENDORED_SCALAR)),
];

function fileOf(name: string, compressed: Buffer<ArrayBuffer>): DocsFile {
  return { name: `${name}.${hash('sha256', compressed, 'hex').slice(0, 16)}.js`, compressed };
}
