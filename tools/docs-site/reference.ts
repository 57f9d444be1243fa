import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { openapiOf } from '@errand/gateway';
import { reportExport } from '../../libs/create-errand/template/typescript/actions/report-export.ts';

const SCALAR = join(import.meta.dirname, '..', '..', 'services', 'gateway', 'vendor', 'scalar.js.br');

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Errand API</title>
</head>
<body>
<div id="reference"></div>
<script src="./scalar.js"></script>
<script>
Scalar.createApiReference('#reference', {
  url: './openapi.json', withDefaultFonts: false, telemetry: false, proxyUrl: '', hideTestRequestButton: true,
  hideClientButton: true, showDeveloperTools: 'never', mcp: { disabled: true }, agent: { disabled: true },
});
</script>
</body>
</html>
`;

/** Writes the OpenAPI document with one example action, and a page that shows it offline. */
export async function writeReference(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'openapi.json'), JSON.stringify(openapiOf([reportExport.contract])));
  await writeFile(join(folder, 'scalar.js'), brotliDecompressSync(await readFile(SCALAR)));
  await writeFile(join(folder, 'reference.html'), PAGE);
}
