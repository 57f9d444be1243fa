import type { Action } from '@errand/actions';

/** The actions among what a module exports. */
export function actionsOf(exported: Record<string, unknown>): Action[] {
  return Object.values(exported).filter(isAction);
}

function isAction(value: unknown): value is Action {
  return typeof value === 'object' && value !== null && 'contract' in value && 'run' in value;
}
