import type { InputError } from '@errand/contracts';
import type { ActionCatalogue } from '../../actions/action-catalogue.ts';
import { Refusal } from '../../http/problem.ts';

/**
 * An endpoint that waits for an action that nobody has announced, as where its name is misspelt, would hear of nothing.
 * @throws Refusal invalid_input
 */
export async function refuseUnknownActions(
  catalogue: Pick<ActionCatalogue, 'find'>,
  { actions }: { actions?: readonly string[] | null | undefined },
): Promise<void> {
  const known = await Promise.all((actions ?? []).map((name) => catalogue.find(name)));
  const errors = known.flatMap((entry, index): InputError[] =>
    entry
      ? []
      : [{ pointer: `#/actions/${index}`, code: 'unknown_action', detail: 'there is no such action' }],
  );
  if (errors.length > 0) throw new Refusal('invalid_input', { errors });
}
