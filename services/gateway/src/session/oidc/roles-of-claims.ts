import { TenantId } from '@errand/contracts';
import { type Membership, ROLES, type Role } from '../../http/person.ts';

/** Which claims give which rights; without a rule, none. */
export interface ClaimRules {
  /** Who has this value in this claim, alone or in a list, is an admin. */
  readonly admin: { readonly name: string; readonly value: string } | undefined;
  /** Name of a claim that lists `tenant` or `tenant:role`. */
  readonly tenants: string | undefined;
}

export type Claims = Readonly<Record<string, unknown>>;

/** What somebody may do. `none`: `why` says, for that person, which claims are missing. */
export type Rights =
  | { readonly kind: 'admin' }
  | { readonly kind: 'member'; readonly memberships: readonly Membership[] }
  | { readonly kind: 'none'; readonly why: string };

const DEFAULT_ROLE: Role = 'viewer';

/** Of a tenant that is listed twice, the role that may do more counts. */
export function rolesOfClaims(claims: Claims, { admin, tenants }: ClaimRules): Rights {
  if (admin && valuesOf(claims, admin.name).includes(admin.value)) return { kind: 'admin' };
  const roles = new Map<string, Role>();
  for (const value of tenants === undefined ? [] : valuesOf(claims, tenants)) {
    const found = membershipOf(value);
    if (!found) continue;
    const known = roles.get(found.tenant_id);
    if (!known || ROLES.indexOf(found.role) > ROLES.indexOf(known)) roles.set(found.tenant_id, found.role);
  }
  const memberships = [...roles].map(([tenant_id, role]) => ({ tenant_id, role }));
  if (memberships.length > 0) return { kind: 'member', memberships };
  const missing = [
    ...(admin ? [`${admin.name} does not have ${admin.value}`] : []),
    ...(tenants === undefined ? [] : [`${tenants} lists no tenant`]),
  ];
  return { kind: 'none', why: `Your ID token gives you no rights here: ${missing.join(', and ')}.` };
}

/** A claim is a text or a list of them. */
function valuesOf(claims: Claims, name: string): string[] {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
  return [value].flat().filter((each) => typeof each === 'string');
}

/** Undefined for what names no tenant, or a role that there is not. */
function membershipOf(value: string): Membership | undefined {
  const [tenant, role = DEFAULT_ROLE, ...more] = value.split(':');
  const known = ROLES.find((each) => each === role);
  const tenantId = TenantId.safeParse(tenant);
  return known && tenantId.success && more.length === 0
    ? { tenant_id: tenantId.data, role: known }
    : undefined;
}
