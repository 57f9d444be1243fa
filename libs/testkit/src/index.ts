export { type Answer, type ReceivedRequest, type Receiver, type Respond, startReceiver } from './receiver.ts';
export { type SlowProxy, startSlowProxy } from './slow-proxy.ts';
export { startTestCluster, type TestCluster } from './test-cluster.ts';
export { createTestDatabase, type TestDatabase } from './test-database.ts';
export { startTestNats, type TestNats } from './test-nats.ts';
export { startTestPostgres, type TestPostgres } from './test-postgres.ts';
export { startTestScheduler, type TestScheduler } from './test-scheduler.ts';
export type { TestServer } from './test-server.ts';
export { type WaitUntilOptions, waitUntil } from './wait-until.ts';
