import { findNatsServer } from '@errand/local-servers';
import type { TestProject } from 'vitest/node';
import { startTestPostgres } from './postgres.ts';
import { testServersMode } from './server.ts';

/** Starts the Postgres that all test files of a project share; vitest calls the returned function at the end. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  // Once here, so that parallel test files find the server in the cache and do not each fetch it.
  if (testServersMode() === 'embedded') await findNatsServer();
  const postgres = await startTestPostgres();
  project.provide('postgresAdminUrl', postgres.url);
  return async () => postgres[Symbol.asyncDispose]();
}
