import { provisionLog, provisionSettings } from '@errand/bootstrap';
import { parseConfig } from '@errand/runtime';
import { assertRoles, databaseSettings, provisionDatabase } from './provision-database.ts';

/* The process of `errand provision`. Exit codes: 0 all is there, 1 failed, 2 wrong configuration or a server that is unfit. */

const WRONG_CONFIGURATION: readonly unknown[] = ['config_error', 'unfit_server'];

try {
  const config = parseConfig({ ...provisionSettings, ...databaseSettings }, process.env);
  assertRoles(config);
  await provisionLog(config, console.error);
  console.log('NATS has all streams and buckets');
  if (await provisionDatabase(config)) console.log('Postgres has all tables, and its roles what they need');
  process.exit(0);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(WRONG_CONFIGURATION.includes((error as { code?: unknown }).code) ? 2 : 1);
}
