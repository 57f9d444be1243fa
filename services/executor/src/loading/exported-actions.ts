import type { Action } from '@errand/actions';

/** The actions among what a module exports. */
export function actionsOf(exported: Record<string, unknown>): Action[] {
  return Object.values(exported).filter(isAction);
}

/** @throws when the module at that URL has no such action */
export function actionNamed(name: string, exported: Record<string, unknown>, url: string): Action {
  const found = actionsOf(exported).find(({ contract }) => contract.name === name);
  if (!found) throw new Error(`${url} exports no action ${name}`);
  return found;
}

function isAction(value: unknown): value is Action {
  return typeof value === 'object' && value !== null && 'contract' in value && 'run' in value;
}
