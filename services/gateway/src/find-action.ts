import type { JobState } from '@errand/domain';
import type { ActionCatalogue, CatalogueEntry } from './action-catalogue.ts';
import { type ActionPath, matchResource, parseActionPath, rawPathOf } from './action-path.ts';
import type { Ctx } from './middleware/exchange.ts';
import { Refusal } from './problem.ts';

/** The action that a run or status path names, with the resource's parameters. */
export interface AddressedAction {
  readonly entry: CatalogueEntry;
  readonly path: ActionPath;
  readonly resource: Record<string, string>;
}

/** @throws Refusal unknown_action, invalid_input; LogUnavailable for an action that memory does not know. */
export async function findAction(c: Ctx, catalogue: ActionCatalogue): Promise<AddressedAction> {
  const path = parseActionPath(rawPathOf(c.req.url));
  if (!path) throw new Refusal('unknown_route');
  const found = catalogue.find(path.action);
  const entry = found instanceof Promise ? await found : found;
  if (!entry) throw new Refusal('unknown_action');
  c.env.action = path.action;
  const match = matchResource(entry.template, path.resource);
  if (match.kind === 'mismatched') throw new Refusal('unknown_action');
  if (match.kind === 'invalid') throw new Refusal('invalid_input', { errors: match.errors });
  return { entry, path, resource: match.parameters };
}

/** @throws Refusal unknown_job for a job of another resource than the path names. */
export function assertSameResource(state: JobState, resource: Record<string, string>): void {
  const requested = state.request.value?.data.resource ?? {};
  const same = Object.entries(resource).every(([name, value]) => requested[name] === value);
  if (!same) throw new Refusal('unknown_job');
}
