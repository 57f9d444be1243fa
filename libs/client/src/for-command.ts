/* What the errand command uses of the client's inside. No part of the package that callers install. */
export { mergeHeaders } from './compose-request.ts';
export { readPieces } from './read-pieces.ts';
export { DEFAULT_RETRY } from './retry.ts';
export { type ApiRequest, causeOf, createTransport } from './transport.ts';
