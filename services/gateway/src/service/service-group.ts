import type { Ops } from '@errand/runtime';
import type { ActionCatalogue, CatalogueEntry } from '../actions/action-catalogue.ts';

/** For handlers about the process itself. */
export interface ServiceGroup {
  readonly service: {
    readonly ops: Pick<Ops, 'routes'>;
    readonly catalogue: Pick<ActionCatalogue, 'list'>;
    /** Writes the document of the API with these actions. */
    readonly describe: (entries: readonly CatalogueEntry[]) => object;
  };
}
