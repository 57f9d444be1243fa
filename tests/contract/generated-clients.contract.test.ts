import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ContractSystem, startContractSystem } from './contract-system.ts';
import { addGenerated, runScript, runTool, writeDocument } from './tools.ts';

const DOCUMENT = '.generated/openapi.json';
/** The output of openapi-typescript; openapi-fetch and qraft build on it. */
const TYPES = '.generated/openapi-typescript.ts';

const resources = new AsyncDisposableStack();
let running: ContractSystem;

beforeAll(async () => {
  running = resources.use(await startContractSystem('generated'));
  await writeDocument(running.document);
  // Without this flag, members with a default would be required.
  const optional = '--default-non-nullable=false';
  const typed = await runTool('openapi-typescript', [DOCUMENT, optional, '--output', TYPES]);
  expect(typed.code, typed.output).toBe(0);
});

afterAll(() => resources.disposeAsync());

test('Redocly finds no errors in the document', async () => {
  const { code, output } = await runTool('redocly', ['lint', DOCUMENT, '--format=json']);
  const { totals } = JSON.parse(output.slice(output.indexOf('{'), output.lastIndexOf('}') + 1));
  console.log('redocly', totals);
  expect({ code, errors: totals.errors }, output).toEqual({ code: 0, errors: 0 });
});

test('Spectral finds no errors and no warnings in the document', async () => {
  const args = ['lint', DOCUMENT, '--ruleset', '.spectral.yaml', '--fail-severity=warn'];
  const { code, output } = await runTool('spectral', args);
  console.log('spectral', output);
  expect(code, output).toBe(0);
});

test('clients of two generators are well typed, run, wait and read a typed result', async () => {
  const made = await runTool('openapi-ts', ['--file', 'openapi-ts.config.json']);
  expect(made.code, made.output).toBe(0);
  const checked = await runTool('tsc', ['--project', '.']);
  expect(checked.code, checked.output).toBe(0);

  const env = { BASE_URL: running.system.url, API_KEY: running.caller.apiKey, TENANT_ID: 'generated' };
  for (const client of ['clients/openapi-fetch.ts', 'clients/hey-api.ts']) {
    const { code, output } = await runScript(client, env);
    expect(code, output).toBe(0);
    const told = JSON.parse(output);
    console.log(client, told);
    expect(told).toMatchObject({ status: 'succeeded', months: 12, code: 'job_expired' });
    expect(told.kwh).toBeGreaterThan(4_000);
  }
});

/** Each generator with its arguments, and the client in `bundled/` that uses its output. */
const GENERATORS: readonly [client: string, tool: string, args: readonly string[]][] = [
  ['orval', 'orval', ['--input', DOCUMENT, '--output', '.generated/orval.ts', '--client', 'fetch']],
  ['oazapfts', 'oazapfts', [DOCUMENT, '.generated/oazapfts.ts']],
  [
    'swagger-typescript-api',
    'swagger-typescript-api',
    ['generate', '-p', DOCUMENT, '-o', '.generated', '-n', 'swagger.ts'],
  ],
  [
    'openapi-typescript-codegen',
    'openapi-typescript-codegen/bin/index.js',
    ['--input', DOCUMENT, '--output', '.generated/codegen', '--client', 'fetch'],
  ],
  [
    'openapi-zod-client',
    'openapi-zod-client',
    // Without this, problems, which are application/problem+json, would have no types.
    [DOCUMENT, '--output', '.generated/zodios.ts', '--media-type-expr', "mediaType.endsWith('json')"],
  ],
  ['openapi-client-axios', 'typegen', [DOCUMENT]],
  ['kubb', 'kubb', ['generate', '--config', 'kubb.config.js']],
  [
    'qraft',
    'openapi-qraft',
    [
      ...[DOCUMENT, '--plugin', 'tanstack-query-react', '--output-dir', '.generated/qraft'],
      ...['--openapi-types-import-path', '../../openapi-typescript.ts'],
    ],
  ],
];

test('clients of eight more generators are well typed, run, wait, read a typed result and are refused', async () => {
  for (const [client, tool, args] of GENERATORS) {
    const { code, output } = await runTool(tool, args);
    expect(code, `${client}: ${output}`).toBe(0);
    if (tool === 'typegen') await addGenerated('openapi-client-axios.d.ts', output);
  }
  const checked = await runTool('tsc', ['--project', 'bundled']);
  expect(checked.code, checked.output).toBe(0);

  const env = { BASE_URL: running.system.url, API_KEY: running.caller.apiKey, TENANT_ID: 'generated' };
  for (const [client] of GENERATORS) {
    const made = `.generated/bundled/${client}.mjs`;
    // One of them imports its own files without their extensions.
    const bundled = await runTool('esbuild', [
      ...[`bundled/${client}.ts`, `--outfile=${made}`, '--bundle', '--platform=node', '--format=esm'],
      '--packages=external',
    ]);
    expect(bundled.code, bundled.output).toBe(0);
    const { code, output } = await runScript(made, env);
    expect(code, `${client}: ${output}`).toBe(0);
    const told = JSON.parse(output);
    console.log(client, told);
    const refused = { code: 'invalid_input', pointer: '#/inverter/ac_kw' };
    expect(told, client).toMatchObject({ status: 'succeeded', months: 12, ...refused });
    expect(told.kwh).toBeGreaterThan(4_000);
  }
});
