import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempDisposable, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const COMMAND = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const JOB = '01a20b96-1514-7abb-ac7b-820fd55ab526';

/** A gateway whose result never ends. */
async function endlessGateway() {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.write('half of it');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

test('a result that is interrupted leaves the file as it was', async () => {
  await using gateway = await endlessGateway();
  await using dir = await mkdtempDisposable(join(tmpdir(), 'errand-interrupted-'));
  const file = join(dir.path, 'result.txt');
  await writeFile(file, 'intact');
  const child = spawn(process.execPath, [COMMAND, 'result', JOB, '--out', file], {
    env: { ERRAND_URL: gateway.url, ERRAND_TENANT: 't', ERRAND_API_KEY: 'k' },
    stdio: 'ignore',
  });
  const left = once(child, 'exit');
  await expect.poll(() => readdir(dir.path), { timeout: 20_000 }).toHaveLength(2);
  child.kill('SIGINT');
  expect(await left).toEqual([130, null]);
  expect([await readFile(file, 'utf8'), await readdir(dir.path)]).toEqual(['intact', ['result.txt']]);
});
