import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findNatsServer, freePort } from '@errand/local-servers';
import { waitUntil } from '@errand/testkit';
import { ROOT } from '../page-blocks.ts';

/** Three servers of the cluster that deploy/nats/cluster.conf describes, on this machine. */
export interface NatsServers extends AsyncDisposable {
  /** `host:port` of each, by the name that the configuration gives it. */
  readonly hosts: ReadonlyMap<string, string>;
  /** Kills one by SIGKILL and deletes its disk; resolves once that is done. */
  lose(name: string): Promise<void>;
  start(name: string): Promise<void>;
  /** Resolves once all of them are healthy: each has the whole log. */
  healthy(): Promise<void>;
}

const NAMES = ['nats-1', 'nats-2', 'nats-3'];

interface Node {
  readonly name: string;
  readonly port: number;
  readonly monitorPort: number;
  readonly routePort: number;
  readonly folder: string;
  child?: ChildProcess;
}

/** `files` are the certificate that all of them share, and its key. */
export async function startNatsServers(options: {
  folder: string;
  password: string;
  files: { certFile: string; keyFile: string };
}): Promise<NatsServers> {
  const { folder, password, files } = options;
  const { path: binary } = await findNatsServer();
  const nodes: Node[] = [];
  for (const name of NAMES) {
    const [port, monitorPort, routePort] = [await freePort(), await freePort(), await freePort()];
    nodes.push({ name, port, monitorPort, routePort, folder: join(folder, name) });
  }
  const written = await readFile(join(ROOT, 'deploy', 'nats', 'cluster.conf'), 'utf8');

  async function start(name: string): Promise<void> {
    const node = nodeOf(name);
    await mkdir(node.folder, { recursive: true });
    const config = join(node.folder, 'nats.conf');
    await writeFile(config, onThisMachine(written, node));
    const args = ['--config', config, '--log', join(folder, `${name}.log`)];
    node.child = spawn(binary, args, { env: { NATS_PASSWORD: password }, stdio: 'ignore' });
  }

  /** Replaces the page's name, ports and files by the server's own. */
  function onThisMachine(text: string, node: Node): string {
    let own = text
      .replace('server_name: nats-1', `server_name: ${node.name}`)
      .replace('0.0.0.0:4222', `127.0.0.1:${node.port}`)
      .replace('127.0.0.1:8222', `127.0.0.1:${node.monitorPort}`)
      .replace('0.0.0.0:6222', `127.0.0.1:${node.routePort}`)
      .replace('/var/lib/nats', node.folder)
      .replaceAll('/etc/nats/server.pem', files.certFile)
      .replaceAll('/etc/nats/server-key.pem', files.keyFile)
      .replaceAll('/etc/nats/ca.pem', files.certFile);
    for (const { name, routePort } of nodes) own = own.replace(`${name}:6222`, `localhost:${routePort}`);
    return own;
  }

  function nodeOf(name: string): Node {
    const node = nodes.find((each) => each.name === name);
    if (!node) throw new Error(`there is no ${name}`);
    return node;
  }

  async function end({ child }: Node): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  const servers: NatsServers = {
    hosts: new Map(nodes.map(({ name, port }) => [name, `localhost:${port}`])),
    start,
    async lose(name) {
      const node = nodeOf(name);
      await end(node);
      await rm(node.folder, { recursive: true });
    },
    async healthy() {
      const isHealthy = async () => {
        const answers = nodes.map(({ monitorPort }) => fetch(`http://127.0.0.1:${monitorPort}/healthz`));
        return (await Promise.all(answers)).every(({ ok }) => ok);
      };
      await waitUntil(isHealthy, { timeoutMs: 60_000 });
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(nodes.map(end));
    },
  };
  await Promise.all(NAMES.map(start));
  await servers.healthy();
  return servers;
}
