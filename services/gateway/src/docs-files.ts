import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';

/** A script of the documentation page, compressed with brotli. Its name changes with what is in it. */
export interface DocsFile {
  readonly name: string;
  readonly compressed: Buffer<ArrayBuffer>;
}

/** Scalar asks nobody but this server: no fonts, no proxy, no telemetry, and no links into its own services. */
const BOOT = `'use strict';
Scalar.createApiReference('#reference', {
  url: '/openapi.json',
  withDefaultFonts: false,
  telemetry: false,
  showDeveloperTools: 'never',
  hideClientButton: true,
  hideTestRequestButton: false,
  mcp: { disabled: true },
  agent: { disabled: true },
  persistAuth: false,
  proxyUrl: '',
  documentDownloadType: 'json',
});
`;

/** Made by `deploy/vendor-scalar.ts`. */
const SCALAR = join(import.meta.dirname, '..', 'vendor', 'scalar.js.br');

/** The script that shows a document, and the one that tells it which. */
export const scalarFile = fileOf('scalar', readFileSync(SCALAR));
export const bootFile = fileOf('boot', brotliCompressSync(BOOT));

function fileOf(name: string, compressed: Buffer<ArrayBuffer>): DocsFile {
  return { name: `${name}.${hash('sha256', compressed, 'hex').slice(0, 16)}.js`, compressed };
}
