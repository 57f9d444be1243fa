/*
 * Prints what AsyncAPI's parser finds in docs/protocol/asyncapi.json; exit code 1 for errors and warnings.
 *
 *   npm install --prefix tools/protocol-tools && npm run --prefix tools/protocol-tools check
 */
import { readFile } from 'node:fs/promises';
import { Parser } from '@asyncapi/parser';

const SEVERITIES = ['error', 'warning', 'information', 'hint'];

const file = new URL('../../docs/protocol/asyncapi.json', import.meta.url);
const { document, diagnostics } = await new Parser().parse(await readFile(file, 'utf8'));
for (const { severity, path, message } of diagnostics) {
  console.log(`${SEVERITIES[severity]}: ${path.join('/')}: ${message}`);
}
const isSound = document !== undefined && diagnostics.every(({ severity }) => severity > 1);
console.log(isSound ? 'valid AsyncAPI' : 'not valid');
process.exitCode = isSound ? 0 : 1;
