import { path } from '../http/path.ts';
import type { Transport } from '../http/transport.ts';

/** What an action takes and returns; `errand types` writes these from a server's contracts. */
export interface ActionTypes {
  readonly input: unknown;
  readonly result: unknown;
  /** The parameters of its path. */
  readonly resource: Readonly<Record<string, string>>;
}

/** Actions by their names; an interface works, too. */
export type ActionMap<A> = { readonly [N in keyof A]: ActionTypes };

/** If nothing is known of the actions: any name and any input. */
export interface AnyActions {
  readonly [name: string]: ActionTypes;
}

/** An action as its executor announces it. */
export interface ActionContract {
  readonly name: string;
  /** The contract under which runs are accepted: a path, an input schema and a result schema. */
  readonly contract_id: string;
  /** Contracts whose jobs this version also runs. */
  readonly accepts: readonly string[];
  readonly version: string;
  readonly description: string;
  /** The path under the tenant, such as `designs/{design_id}`; empty for an action of the tenant itself. */
  readonly resource: string;
  /** JSON Schema 2020-12. */
  readonly input_schema: Readonly<Record<string, unknown>>;
  readonly result_schema: Readonly<Record<string, unknown>>;
  readonly max_attempts: number;
  readonly timeout_ms: number;
  /** Since when no executor has served it (RFC 3339); null while one does. */
  readonly unserved_since: string | null;
  /** All contracts of which jobs may still run, newest first: several while executors are being replaced. */
  readonly contracts: readonly {
    readonly contract_id: string;
    readonly version: string;
    readonly first_announced_at: string;
    readonly unserved_since: string | null;
  }[];
  readonly links: { readonly run: string; readonly status: string };
}

/** Every action, by name. */
export async function listActions(transport: Transport, signal?: AbortSignal): Promise<ActionContract[]> {
  const { actions } = await transport.json<{ actions: ActionContract[] }>({
    method: 'GET',
    path: '/actions',
    signal,
  });
  return actions;
}

export async function getAction(
  transport: Transport,
  name: string,
  signal?: AbortSignal,
): Promise<ActionContract> {
  return transport.json({ method: 'GET', path: path`/actions/${name}`, signal });
}
