import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ContractSystem, startContractSystem } from './contract-system.ts';
import { runScript, runTool, writeDocument } from './tools.ts';

const resources = new AsyncDisposableStack();
let running: ContractSystem;

beforeAll(async () => {
  running = resources.use(await startContractSystem('generated'));
  await writeDocument(running.document);
});

afterAll(() => resources.disposeAsync());

test('Redocly finds no errors in the document', async () => {
  const { code, output } = await runTool('redocly', ['lint', '.generated/openapi.json', '--format=json']);
  const { totals } = JSON.parse(output.slice(output.indexOf('{'), output.lastIndexOf('}') + 1));
  console.log('redocly', totals);
  expect({ code, errors: totals.errors }, output).toEqual({ code: 0, errors: 0 });
});

test('Spectral finds no errors and no warnings in the document', async () => {
  const args = ['lint', '.generated/openapi.json', '--ruleset', '.spectral.yaml', '--fail-severity=warn'];
  const { code, output } = await runTool('spectral', args);
  console.log('spectral', output);
  expect(code, output).toBe(0);
});

test('clients of two generators are well typed, run, wait and read a typed result', async () => {
  const typed = '.generated/openapi-typescript.ts';
  // Else members that have a default would have to be sent.
  const optional = '--default-non-nullable=false';
  const first = await runTool('openapi-typescript', ['.generated/openapi.json', optional, '--output', typed]);
  expect(first.code, first.output).toBe(0);
  const second = await runTool('openapi-ts', ['--file', 'openapi-ts.config.json']);
  expect(second.code, second.output).toBe(0);
  const checked = await runTool('tsc', ['--project', '.']);
  expect(checked.code, checked.output).toBe(0);

  const env = { BASE_URL: running.system.url, API_KEY: running.apiKey, TENANT_ID: 'generated' };
  for (const client of ['clients/openapi-fetch.ts', 'clients/hey-api.ts']) {
    const { code, output } = await runScript(client, env);
    expect(code, output).toBe(0);
    const told = JSON.parse(output);
    console.log(client, told);
    expect(told).toMatchObject({ status: 'succeeded', months: 12, code: 'job_expired' });
    expect(told.kwh).toBeGreaterThan(4_000);
  }
});
