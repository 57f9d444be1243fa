import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createErrand, type Errand } from '@errand/client';
import type { LocalFile } from '../../dev/data/local-file.ts';
import { FIRST_TENANT_ID } from '../../dev/first-tenant.ts';

/** `npm run dev` in its own folder, as an author has it. */
export interface DevSystem extends AsyncDisposable {
  readonly folder: string;
  /** Resolves when it has printed the text since the last call. Rejects if it ends before that. */
  says(text: string): Promise<void>;
  call(path: string, body?: unknown): Promise<{ status: number; body: Record<string, unknown> }>;
  /** A client that does not know any actions yet. */
  client(): Errand;
  /** The text behind a link of a result. */
  download(link: string): Promise<string>;
  /** Requests a job of the action at this path and resolves to its ended summary. */
  run(path: string, input: unknown): Promise<Record<string, unknown>>;
}

/** Creates its folder, before it is started. */
export async function createDevFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'errand-dev-'));
  // Postgres, which refuses to run as root, is another user and has to pass through.
  await chmod(folder, 0o755);
  return folder;
}

export async function startDevSystem(folder: string, env: Record<string, string>): Promise<DevSystem> {
  const main = join(import.meta.dirname, '..', '..', 'dev', 'main.ts');
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(ERRAND_|NATS_URL|DATABASE_URL)/.test(name),
  );
  const child = spawn(process.execPath, [main, 'dev'], {
    cwd: folder,
    env: { ...Object.fromEntries(inherited), ERRAND_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let read = 0;
  const heard = new EventTarget();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
      heard.dispatchEvent(new Event('output'));
    });
  }
  const ended = once(child, 'close');
  const says = (text: string) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = () => {
      const found = output.indexOf(text, read);
      if (found === -1) return;
      read = found + text.length;
      resolve();
    };
    heard.addEventListener('output', look);
    look();
    void ended.then(() => reject(new Error(`ended before '${text}':\n${output}`)));
    return promise.finally(() => heard.removeEventListener('output', look));
  };
  await says('Stop with Ctrl-C.');
  const local = JSON.parse(await readFile(join(folder, '.errand', 'local.json'), 'utf8')) as LocalFile;
  const call: DevSystem['call'] = async (path, body) => {
    const response = await fetch(`${local.url}/v2/tenants/${FIRST_TENANT_ID}/${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${local.api_key}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  return {
    folder,
    says,
    call,
    client: () => createErrand({ url: local.url, tenant: FIRST_TENANT_ID, apiKey: local.api_key }),
    async download(link) {
      const headers = { authorization: `Bearer ${local.api_key}` };
      return (await fetch(new URL(link, local.url), { headers })).text();
    },
    async run(path, input) {
      const { status, body } = await call(`${path}/run`, input);
      if (status !== 202) throw new Error(`${path}/run answers ${status}: ${JSON.stringify(body)}`);
      for (;;) {
        const summary = (await call(`${path}/status?wait=30&job_id=${body.job_id}`)).body;
        if (summary.finished_at) return summary;
      }
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
