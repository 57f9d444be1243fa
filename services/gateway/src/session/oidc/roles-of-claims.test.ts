import { expect, test } from 'vitest';
import { rolesOfClaims } from './roles-of-claims.ts';

const RULES = { admin: { name: 'groups', value: 'errand-admins' }, tenants: 'tenants' };
const members = (roles: Record<string, string>) => ({
  kind: 'member',
  memberships: Object.entries(roles).map(([tenant_id, role]) => ({ tenant_id, role })),
});

test.each([
  ['has the value', 'errand-admins'],
  ['lists it', ['staff', 'errand-admins']],
])('whose claim %s is an admin, whatever else it says', (_, groups) => {
  expect(rolesOfClaims({ groups, tenants: ['acme'] }, RULES)).toEqual({ kind: 'admin' });
});

test.each([
  ['a tenant alone, as a viewer', 'acme', { acme: 'viewer' }],
  [
    'a list with roles',
    ['acme:owner', 'shop:operator', 'lab:viewer'],
    { acme: 'owner', shop: 'operator', lab: 'viewer' },
  ],
  ['the higher of two roles', ['acme:operator', 'acme', 'acme:viewer'], { acme: 'operator' }],
  [
    'what is a tenant beside what is none',
    ['a b', 7, 'acme:boss', 'acme:owner:x', '', 'shop'],
    { shop: 'viewer' },
  ],
])('a claim is read as %s', (_, tenants, roles) => {
  expect(rolesOfClaims({ tenants }, RULES)).toEqual(members(roles));
});

test.each([
  ['no claim', {}],
  ['another group', { groups: 'errand-admins-of-something' }],
  ['a claim that is no text', { groups: { 'errand-admins': true }, tenants: { acme: 'owner' } }],
  ['a role that there is not', { tenants: ['acme:admin'] }],
])('%s gives no rights, and the answer says which claims would', (_, claims) => {
  const rights = rolesOfClaims(claims, RULES);
  const why = 'groups does not have errand-admins, and tenants lists no tenant';
  expect(rights).toEqual({ kind: 'none', why: `Your ID token gives you no rights here: ${why}.` });
});

test('without a rule nothing is read', () => {
  const claims = { groups: 'errand-admins', tenants: 'acme', undefined: 'acme' };
  expect(rolesOfClaims(claims, { admin: undefined, tenants: 'tenants' })).toEqual(
    members({ acme: 'viewer' }),
  );
  expect(rolesOfClaims(claims, { admin: RULES.admin, tenants: undefined })).toEqual({ kind: 'admin' });
  expect(rolesOfClaims({ constructor: 'acme' }, { admin: undefined, tenants: 'constructor' })).toEqual(
    members({ acme: 'viewer' }),
  );
  expect(rolesOfClaims({}, { admin: undefined, tenants: 'constructor' }).kind).toBe('none');
});
