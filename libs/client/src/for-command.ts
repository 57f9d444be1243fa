/* The client's internals that the errand command uses. Not part of the package that callers install. */
export { mergeHeaders } from './http/compose-request.ts';
export { readPieces } from './http/read-pieces.ts';
export { DEFAULT_RETRY } from './http/retry.ts';
export { type ApiRequest, causeOf, createTransport } from './http/transport.ts';
