import { once } from 'node:events';
import { freePort } from '@errand/local-servers';
import { startTestNats, startTestScheduler, waitUntil } from '@errand/testkit';
import { expect, test } from 'vitest';
import { startExecutorCopy } from '../e2e/scaled-executors.ts';
import { addDocument, runTool } from './tools.ts';

test("Redocly and Spectral find no errors in the document of the workers' API", async () => {
  await using resources = new AsyncDisposableStack();
  const { url } = resources.use(await startTestNats());
  resources.use(await startTestScheduler(url));
  const port = await freePort();
  const child = startExecutorCopy({
    NATS_URL: url,
    ERRAND_WORKERS_PORT: String(port),
    ERRAND_WORKER_KEYS: '*=a-key-of-all-workers',
    ERRAND_LOG_LEVEL: 'error',
  });
  resources.defer(async () => {
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  });
  const text = await waitUntil(async () => (await fetch(`http://127.0.0.1:${port}/openapi.json`)).text(), {
    timeoutMs: 30_000,
  });
  const document = await addDocument(text);
  const linted = await runTool('redocly', ['lint', document, '--format=json']);
  const { totals } = JSON.parse(
    linted.output.slice(linted.output.indexOf('{'), linted.output.lastIndexOf('}') + 1),
  );
  expect(totals.errors, linted.output).toBe(0);
  const args = ['lint', document, '--ruleset', '.spectral.yaml', '--fail-severity=warn'];
  const checked = await runTool('spectral', args);
  expect(checked.code, checked.output).toBe(0);
});
