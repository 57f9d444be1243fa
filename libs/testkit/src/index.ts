export { startTestCluster, type TestCluster } from './cluster.ts';
export { createTestDatabase, type TestDatabase } from './database.ts';
export { type HeldFrames, type HoldingProxy, startPostgresProxy } from './holding-proxy.ts';
export { natsAccess, natsUrlOf, startTestNats, type TestNats } from './nats.ts';
export { startNatsProxy } from './nats-proxy.ts';
export {
  type OpenidProvider,
  startOpenidProvider,
  TEST_CLIENT,
  TEST_PUBLIC_CLIENT,
} from './openid-provider.ts';
export { startTestPostgres, type TestPostgres } from './postgres.ts';
export { rawNatsRequest } from './raw-nats.ts';
export { type Answer, type ReceivedRequest, type Receiver, type Respond, startReceiver } from './receiver.ts';
export { createTestRoles, type TestRoles } from './roles.ts';
export { startTestScheduler, type TestScheduler } from './scheduler.ts';
export type { TestServer } from './server.ts';
export { leafOf, startTestSite, type TestSite } from './site.ts';
export { type SlowProxy, startSlowProxy } from './slow-proxy.ts';
export { verifyLog } from './verify-log.ts';
export { type WaitUntilOptions, waitUntil } from './wait-until.ts';
