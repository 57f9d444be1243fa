import type { KeyScope } from '@errand/contracts';
import { createContext, useContext } from 'react';
import type { Session } from '../api/answers.ts';

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

/** The scopes of a session in a tenant, since people may have another role in each; undefined: all. */
export function scopesIn(
  { tenants, scopes }: Session,
  tenant: string | undefined,
): readonly string[] | undefined {
  const own = tenants?.find(({ tenant_id }) => tenant_id === tenant);
  return own ? own.scopes : scopes;
}

/** Of a list of scopes; without one, all. */
export function rightsOf(scopes: readonly string[] | undefined, isCustomer: boolean): Rights {
  return { may: (scope) => scopes?.includes(scope) ?? true, isCustomer };
}
