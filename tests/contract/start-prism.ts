import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { freePort } from '@errand/local-servers';
import { waitUntil } from '@errand/testkit';
import { TOOLS } from './tools.ts';

/** Prism between callers and a gateway. It checks only answers, and reports in a header what is wrong with them. */
export interface PrismProxy extends AsyncDisposable {
  readonly url: string;
}

/** `document` is a path below the tools' folder. */
export async function startPrism(document: string, upstream: string): Promise<PrismProxy> {
  const port = await freePort();
  const args = [
    'proxy',
    document,
    upstream,
    '--port',
    String(port),
    '--validate-request=false',
    '-v',
    'error',
  ];
  const child = spawn(join(TOOLS, 'node_modules', '.bin', 'prism'), args, { cwd: TOOLS, stdio: 'ignore' });
  const killWithThisProcess = () => child.kill('SIGKILL');
  process.once('exit', killWithThisProcess);
  const url = `http://127.0.0.1:${port}`;
  const proxy: PrismProxy = {
    url,
    async [Symbol.asyncDispose]() {
      process.off('exit', killWithThisProcess);
      const gone = once(child, 'exit');
      if (child.kill('SIGKILL')) await gone;
    },
  };
  try {
    await waitUntil(async () => (await fetch(`${url}/healthz`)).ok, { timeoutMs: 60_000 });
    return proxy;
  } catch (error) {
    await proxy[Symbol.asyncDispose]();
    throw error;
  }
}

/** What Prism found wrong with an answer. */
export function violationsOf(headers: Readonly<Record<string, string | string[] | undefined>>): unknown[] {
  const told = headers['sl-violations'];
  return told === undefined ? [] : (JSON.parse(String(told)) as unknown[]);
}
