import type { KeyScope } from '@errand/contracts';
import { createContext, useContext } from 'react';

/** What the person at the page may do, as far as the page knows: the API has the last word. */
export interface Rights {
  readonly may: (scope: KeyScope) => boolean;
  /** A tenant's customer, who has no key and no shell for this. */
  readonly isCustomer: boolean;
}

const RightsContext = createContext<Rights>({ may: () => true, isCustomer: false });

export const RightsOf = RightsContext.Provider;

export function useRights(): Rights {
  return useContext(RightsContext);
}

/** Of a list of scopes; without one, all. */
export function rightsOf(scopes: readonly string[] | undefined, isCustomer: boolean): Rights {
  return { may: (scope) => scopes?.includes(scope) ?? true, isCustomer };
}
