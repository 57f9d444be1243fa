import type { Bus } from '@errand/bus';
import type { ActionCatalogue } from '../actions/action-catalogue.ts';
import type { AskDeps } from './deliveries/ask-webhooks.ts';
import type { DeliveryLog } from './deliveries/delivery-rows.ts';
import type { TestAllowance } from './deliveries/test-allowance.ts';
import type { EndpointHealthStore } from './endpoints/endpoint-health.ts';
import type { EndpointDeps } from './endpoints/endpoint-store.ts';
import type { UrlRules } from './endpoints/endpoint-url.ts';
import type { ReplayLog } from './replays/replay-rows.ts';

/** For handlers about endpoints, deliveries and replays. */
export interface WebhooksGroup {
  readonly webhooks: Webhooks;
}

interface Webhooks extends EndpointDeps, AskDeps {
  readonly bus: AskDeps['bus'] & { readonly jobs: Pick<Bus['jobs'], 'reach'> };
  readonly catalogue: Pick<ActionCatalogue, 'find'>;
  readonly health: EndpointHealthStore;
  readonly deliveries: DeliveryLog;
  readonly replays: ReplayLog;
  readonly urlRules: UrlRules;
  /** How many endpoints a tenant may have. */
  readonly endpointsOf: (tenantId: string) => number;
  readonly testAllowance: TestAllowance;
}
