export { startTestCluster, type TestCluster } from './cluster.ts';
export { createTestDatabase, type TestDatabase } from './database.ts';
export { startTestNats, type TestNats } from './nats.ts';
export { startTestPostgres, type TestPostgres } from './postgres.ts';
export { type Answer, type ReceivedRequest, type Receiver, type Respond, startReceiver } from './receiver.ts';
export { startTestScheduler, type TestScheduler } from './scheduler.ts';
export type { TestServer } from './server.ts';
export { type SlowProxy, startSlowProxy } from './slow-proxy.ts';
export { type WaitUntilOptions, waitUntil } from './wait-until.ts';
