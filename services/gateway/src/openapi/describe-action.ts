import type { CatalogueEntry } from '../actions/action-catalogue.ts';
import { type ActionSchemas, placeOf } from './action-schemas.ts';
import type { Operation, Parameter } from './operation.ts';
import { tenantId } from './parameters.ts';
import type { Schema } from './schemas.ts';

/** An operation that every action has. */
export interface ActionOperation {
  readonly method: 'get' | 'post';
  /** The last word of its path. */
  readonly verb: 'run' | 'run-batch' | 'status' | 'cancel';
  readonly describe: (action: DescribedAction) => Omit<Operation, 'method' | 'path' | 'key' | 'tag'>;
}

/** What the operations of an action say of it. */
interface DescribedAction {
  readonly name: string;
  readonly about: string;
  /** The parameters of the path. */
  readonly place: readonly Parameter[];
  readonly schemas: ActionSchemas;
}

/** What a resource's parameters may be: see `action-path.ts`. */
const ResourceParameter: Schema = { type: 'string', minLength: 1, maxLength: 200 };

/** The operations of an action. */
export function describeAction(
  { contract }: Pick<CatalogueEntry, 'contract'>,
  schemas: ActionSchemas,
  operations: readonly ActionOperation[],
): Operation[] {
  const { path, parameters } = placeOf(contract);
  const resource = parameters.map(
    (name): Parameter => ({
      name,
      in: 'path',
      required: true,
      schema: ResourceParameter,
      description: `Of the resource \`${contract.resource}\`.`,
    }),
  );
  const action: DescribedAction = {
    name: contract.name,
    about: contract.description || `The action ${contract.name}.`,
    place: [tenantId, ...resource],
    schemas,
  };
  return operations.map(({ method, verb, describe }) => ({
    method,
    path: `${path}/${verb}`,
    key: 'tenant',
    tag: 'Runs',
    ...describe(action),
  }));
}
