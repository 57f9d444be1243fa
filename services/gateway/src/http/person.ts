import { hash } from 'node:crypto';
import { type KeyScope, TenantId } from '@errand/contracts';
import { z } from 'zod';

/* Somebody whom a sign-in provider vouches for. Such a session has a role in place of a key. */

/** The least first. */
export const ROLES = ['viewer', 'operator', 'owner'] as const;
export type Role = (typeof ROLES)[number];

const VIEWER: readonly KeyScope[] = [
  'jobs:read',
  'logs:read',
  'feed:read',
  'webhooks:read',
  'schedules:read',
];
const OPERATOR: readonly KeyScope[] = [
  ...VIEWER,
  'runs:write',
  'jobs:cancel',
  'webhooks:write',
  'schedules:write',
];

/** What a role may do, as a key's scopes say it; undefined: everything. */
export const SCOPES_OF: Readonly<Record<Role, readonly KeyScope[] | undefined>> = {
  viewer: VIEWER,
  operator: OPERATOR,
  owner: undefined,
};

/** A role in a tenant. */
export const Membership = z.object({ tenant_id: TenantId, role: z.enum(ROLES) });
export type Membership = z.infer<typeof Membership>;

export interface Person {
  readonly issuer: string;
  /** What the issuer knows the person by, for good. */
  readonly subject: string;
  /** At most one for each tenant; none of an admin. */
  readonly memberships: readonly Membership[];
}

/** What requests of a person are counted under, where those of others are under their key. */
export function personId({ issuer, subject }: Pick<Person, 'issuer' | 'subject'>): string {
  return `oidc:${hash('sha256', `${issuer}#${subject}`, 'hex')}`;
}

/** What changes of a person are recorded as made by. An issuer has no `#`. */
export function actorOf({ issuer, subject }: Pick<Person, 'issuer' | 'subject'>): string {
  return `oidc:${issuer}#${subject}`;
}
