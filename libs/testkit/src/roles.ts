import { randomUUID } from 'node:crypto';
import { runAs } from './database.ts';

const SERVICES = ['gateway', 'projection', 'webhooks'] as const;
type Service = (typeof SERVICES)[number];

/** A role of Postgres for each service, of this test alone; disposing of them drops what they own, and them. */
export interface TestRoles extends AsyncDisposable {
  readonly names: Readonly<Record<Service, string>>;
  /** The test's database, for whoever connects as the role of a service. */
  urlOf(service: Service): string;
}

/** Roles without any rights yet. They are of the whole server, so their names are made up. */
export async function createTestRoles(databaseUrl: string): Promise<TestRoles> {
  const suffix = randomUUID().slice(0, 8);
  const names = {
    gateway: `gateway_${suffix}`,
    projection: `projection_${suffix}`,
    webhooks: `webhooks_${suffix}`,
  };
  const all = Object.values(names);
  await runAs(databaseUrl, all.map((name) => `create role ${name} login password 'x'`).join(';'));
  return {
    names,
    urlOf: (service) => Object.assign(new URL(databaseUrl), { username: names[service], password: 'x' }).href,
    [Symbol.asyncDispose]: () => runAs(databaseUrl, `drop owned by ${all} cascade; drop role ${all}`),
  };
}
