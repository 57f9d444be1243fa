/*
 * An executor whose actions a worker in Python runs over HTTP, for the conformance test: with `npm run conformance --
 * --command "exec node tests/conformance/remote-executor.ts"`. A signal to its process group reaches both.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { freePort } from '@errand/local-servers';

const EXECUTOR = fileURLToPath(new URL('../../services/executor/src/main.ts', import.meta.url));
const WORKER = fileURLToPath(new URL('../../examples/python-worker/conformance_actions.py', import.meta.url));
const KEY = 'conformance-of-remote-workers';

const port = String(await freePort());
const children = [
  spawn(process.execPath, [EXECUTOR], {
    stdio: 'inherit',
    env: {
      ...process.env,
      ERRAND_OPS_PORT: '0',
      ERRAND_WORKERS_PORT: port,
      ERRAND_WORKER_KEYS: `*=${KEY}`,
    },
  }),
  spawn('python3', ['-B', WORKER], {
    stdio: 'inherit',
    env: {
      ...process.env,
      ERRAND_WORKERS_URL: `http://127.0.0.1:${port}`,
      ERRAND_WORKER_KEY: KEY,
    },
  }),
];
// Each of them hears the signal itself; this process lives as long as the executor.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
children[0]?.once('exit', (code) => {
  for (const child of children) child.kill('SIGKILL');
  process.exit(code ?? 1);
});
