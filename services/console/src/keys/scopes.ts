import type { KeyScope } from '@errand/contracts';

/** What a key may be made for. The compiler keeps it whole. */
const ALL: Record<KeyScope, true> = {
  'runs:write': true,
  'jobs:read': true,
  'jobs:cancel': true,
  'logs:read': true,
  'feed:read': true,
  'webhooks:read': true,
  'webhooks:write': true,
  'schedules:read': true,
  'schedules:write': true,
  'keys:write': true,
};
export const KEY_SCOPES = Object.keys(ALL) as readonly KeyScope[];
