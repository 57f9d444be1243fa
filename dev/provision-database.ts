import { grantRoles, migrate, openDatabase } from '@errand/postgres';
import { ConfigError, type ConfigOf, optional, POSTGRES_SETTINGS } from '@errand/runtime';

const role = (service: string) =>
  optional({
    env: `ERRAND_${service.toUpperCase()}_ROLE`,
    description: `Role of Postgres that ${service} connects as; with all three of these, \`errand provision\` migrates the database and gives each what it needs`,
  });

/** What `errand provision` reads of Postgres. */
export const databaseSettings = {
  databaseUrl: POSTGRES_SETTINGS.databaseUrl,
  gatewayRole: role('gateway'),
  projectionRole: role('projection'),
  webhooksRole: role('webhooks'),
};

/** @throws ConfigError where some of the roles are named and some are not */
export function assertRoles({
  gatewayRole,
  projectionRole,
  webhooksRole,
}: ConfigOf<typeof databaseSettings>): void {
  const roles = [gatewayRole, projectionRole, webhooksRole];
  if (new Set(roles.map((each) => each === undefined)).size === 1) return;
  throw new ConfigError(
    'set all or none of ERRAND_GATEWAY_ROLE, ERRAND_PROJECTION_ROLE and ERRAND_WEBHOOKS_ROLE',
  );
}

/** Migrates the database and gives the roles what they need, where roles are named. Resolves with whether they are. */
export async function provisionDatabase(config: ConfigOf<typeof databaseSettings>): Promise<boolean> {
  const {
    databaseUrl: url,
    gatewayRole: gateway,
    projectionRole: projection,
    webhooksRole: webhooks,
  } = config;
  if (gateway === undefined || projection === undefined || webhooks === undefined) return false;
  const db = openDatabase({ url, name: 'errand-provision', poolSize: 2 });
  try {
    await migrate(db);
    await grantRoles(db, { gateway, projection, webhooks });
    return true;
  } finally {
    await db.destroy();
  }
}
