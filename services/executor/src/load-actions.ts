import type { Action } from '@errand/actions';

/**
 * Every action that a module exports.
 * @throws when the module cannot be loaded or exports none.
 */
export async function loadActions(moduleUrl: string): Promise<Action[]> {
  const exported = (await import(moduleUrl)) as Record<string, unknown>;
  const actions = Object.values(exported).filter(isAction);
  if (actions.length === 0) throw new Error(`${moduleUrl} exports no action`);
  return actions;
}

function isAction(value: unknown): value is Action {
  return typeof value === 'object' && value !== null && 'contract' in value && 'run' in value;
}
