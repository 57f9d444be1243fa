import { ActionName } from '@errand/contracts';
import type { JobState } from '@errand/domain';
import { Refusal } from '../http/problem.ts';
import type { Ctx } from '../http/request-log.ts';
import type { ActionCatalogue, CatalogueEntry } from './action-catalogue.ts';
import { type ActionPath, decodeWord, matchResource, parseActionPath, rawPathOf } from './action-path.ts';

/** The action that the path of a run or batch names, with the resource's parameters. */
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
  if (match.kind === 'mismatched') throw new Refusal('unknown_action', { detail: whereItIs(entry) });
  if (match.kind === 'invalid') throw new Refusal('invalid_input', { errors: match.errors });
  return { entry, path, resource: match.parameters };
}

function whereItIs({ contract: { name, resource } }: CatalogueEntry): string {
  const path = ['', 'v2', 'tenants', '{tenant_id}', ...resource.split('/').filter(Boolean), name].join('/');
  return `The action is at ${path}.`;
}

/** What a path says of the job that it is about. */
export interface JobPlace {
  /** Undefined: whichever the job has. */
  readonly action: string | undefined;
  isOf(state: JobState): boolean;
}

/** The place of a job whose path names the job alone. */
export const ANY_PLACE: JobPlace = { action: undefined, isOf: () => true };

/**
 * The place that a status or cancel path names. Jobs outlive the contract that they were run under: the
 * jobs of an action that is no longer announced, or has moved, are at any path that has their resource's values among
 * its words.
 * @throws Refusal unknown_action, invalid_input; LogUnavailable for an action that memory does not know.
 */
export async function findPlace(c: Ctx, catalogue: ActionCatalogue): Promise<JobPlace> {
  const path = parseActionPath(rawPathOf(c.req.url));
  if (!path) throw new Refusal('unknown_route');
  const { action } = path;
  if (!ActionName.safeParse(action).success) throw new Refusal('unknown_action');
  c.env.action = action;
  const entry = await catalogue.find(action);
  const match = entry && matchResource(entry.template, path.resource);
  if (match?.kind === 'invalid') throw new Refusal('invalid_input', { errors: match.errors });
  const words = new Set(path.resource.map(decodeWord));
  return {
    action,
    isOf(state) {
      const requested = state.request.value?.data.resource ?? {};
      return match?.kind === 'matched'
        ? Object.entries(match.parameters).every(([name, value]) => requested[name] === value)
        : Object.values(requested).every((value) => words.has(value));
    },
  };
}

/** @throws Refusal unknown_job for a job that is not where the path says. */
export function assertAt(place: JobPlace, state: JobState): void {
  if (!place.isOf(state)) throw new Refusal('unknown_job');
}
