import type { ActionContract } from '@errand/contracts';
import { parseResourceTemplate } from '../actions/action-path.ts';
import { actionRoutes, routes } from '../routes.ts';
import { openapiDocument } from './document.ts';

/** What `/openapi.json` says while executors serve these contracts. */
export function openapiOf(contracts: readonly ActionContract[]): Record<string, unknown> {
  const entries = contracts.map((contract) => ({
    contract,
    template: parseResourceTemplate(contract.resource),
    validate: undefined,
    contracts: [],
    unservedSince: null,
  }));
  return openapiDocument({ routes, actionRoutes }, entries);
}
