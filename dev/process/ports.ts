import { freePort, isPortFree } from '@errand/local-servers';

export type Ports<Name extends string> = Record<Name, number>;

/** The remembered port of each name if nothing listens on it, else a free one. No two are the same. */
export async function choosePorts<Name extends string>(
  names: readonly Name[],
  remembered: Partial<Record<string, number>>,
): Promise<Ports<Name>> {
  const chosen = new Map<Name, number>();
  for (const name of names) {
    let port = remembered[name] ?? 0;
    while (port === 0 || [...chosen.values()].includes(port) || !(await isPortFree(port))) {
      port = await freePort();
    }
    chosen.set(name, port);
  }
  return Object.fromEntries(chosen) as Ports<Name>;
}
