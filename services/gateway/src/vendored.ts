import { join } from 'node:path';

/*
 * Files that are no code. This module stays directly in `src`: from there as from the built `dist`, they are in the
 * folder beside it.
 */

/** Made by `npm run vendor:scalar`. */
export const VENDORED_SCALAR = join(import.meta.dirname, '..', 'vendor', 'scalar.js.br');

/** The console's built files, made by `npm run console`. */
export const VENDORED_CONSOLE = join(import.meta.dirname, '..', 'vendor', 'console');
