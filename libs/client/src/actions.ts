import { path } from './path.ts';
import type { Transport } from './transport.ts';

/** What an action takes and gives; `errand types` writes these from a server's contracts. */
export interface ActionTypes {
  readonly input: unknown;
  readonly result: unknown;
  /** The parameters of its path. */
  readonly resource: Readonly<Record<string, string>>;
}

/** Actions by their names; an interface does, too. */
export type ActionMap<A> = { readonly [N in keyof A]: ActionTypes };

/** Where nothing is known of the actions: any name and any input. */
export interface AnyActions {
  readonly [name: string]: ActionTypes;
}

/** An action as its executor announces it. */
export interface ActionContract {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** The path under the tenant, such as `designs/{design_id}`; empty for an action of the tenant itself. */
  readonly resource: string;
  /** JSON Schema 2020-12. */
  readonly input_schema: Readonly<Record<string, unknown>>;
  readonly result_schema: Readonly<Record<string, unknown>>;
  readonly max_attempts: number;
  readonly timeout_ms: number;
  readonly links: { readonly run: string; readonly status: string };
}

/** Every action, by name. */
export async function listActions(transport: Transport, signal?: AbortSignal): Promise<ActionContract[]> {
  const { actions } = await transport.json<{ actions: ActionContract[] }>({
    ...{ method: 'GET', path: '/actions', signal },
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
