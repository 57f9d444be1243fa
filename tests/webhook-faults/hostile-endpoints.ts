import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';

/** Endpoints that misbehave, each in its own way. */
export interface HostileEndpoints extends AsyncDisposable {
  /** By the name of the misbehaviour. */
  readonly urls: ReadonlyMap<string, string>;
}

/** Starts one endpoint for each attack, and one whose host accepts no more connections. */
export async function startHostileEndpoints(): Promise<HostileEndpoints> {
  const attackers = await startChild(new URL('./hostile-process.ts', import.meta.url));
  const stopped = await startChild(new URL('./stopped-process.ts', import.meta.url));
  const ports = { ...(attackers.said as Record<string, number>), 'never accepting': stopped.said as number };
  // It accepts nothing from its queue, and the queue is full.
  stopped.child.kill('SIGSTOP');
  const queue = Array.from({ length: 8 }, () =>
    connect(ports['never accepting'], '127.0.0.1').on('error', () => {}),
  );
  return {
    urls: new Map(Object.entries(ports).map(([name, port]) => [name, `http://127.0.0.1:${port}/`])),
    async [Symbol.asyncDispose]() {
      for (const socket of queue) socket.destroy();
      await Promise.all([attackers.kill(), stopped.kill()]);
    },
  };
}

async function startChild(
  file: URL,
): Promise<{ child: ChildProcess; said: unknown; kill: () => Promise<void> }> {
  const child = fork(fileURLToPath(file), [], { execArgv: [] });
  const killWithThisProcess = () => child.kill('SIGKILL');
  process.once('exit', killWithThisProcess);
  const [said] = await once(child, 'message');
  const kill = async () => {
    process.off('exit', killWithThisProcess);
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  return { child, said, kill };
}
