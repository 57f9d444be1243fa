import { RESERVED_ACTION_NAMES } from '@errand/contracts';
import { expect, test } from 'vitest';
import { actionRoutes, oidcRoutes, routes } from './routes.ts';

const all = [...routes, ...oidcRoutes];

test('no two routes have the same method and path, or the same id', () => {
  for (const names of [
    all.map(({ method, path }) => `${method} ${path}`),
    all.map(({ id }) => id),
    actionRoutes.map(({ verb }) => verb),
  ]) {
    expect(names.toSorted()).toEqual([...new Set(names)].toSorted());
  }
});

test('a route describes the parameters of its path, in their order', () => {
  for (const { path, parameters = [] } of all) {
    const described = parameters.filter((each) => each.in === 'path').map(({ name }) => name);
    expect(described, path).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
  }
});

test('no action can have a name that a route begins with below a tenant', () => {
  const words = routes.flatMap(
    ({ path }) => /^\/v2\/tenants\/\{tenant_id\}\/([^/]+)/.exec(path)?.slice(1) ?? [],
  );
  expect([...new Set(words)].toSorted()).toEqual(RESERVED_ACTION_NAMES.toSorted());
});

test('whatever changes keys or endpoints of a tenant, other than by removing them, counts as a change', () => {
  const changing = routes.filter(
    ({ key, path, method }) =>
      key === 'tenant' &&
      (method === 'post' || method === 'patch' || method === 'put') &&
      /\/(keys|webhooks)(\/|$)/.test(path) &&
      !/\/(test|replays|deliveries)(\/|$)/.test(path),
  );
  expect(changing.length).toBeGreaterThan(0);
  for (const route of changing) {
    expect(route, route.id).toMatchObject({ changes: 'limited' });
    expect(route.problems, route.id).toContain('too_many_changes');
  }
});
