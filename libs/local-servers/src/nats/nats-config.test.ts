import { expect, test } from 'vitest';
import { natsConfig } from './nats-config.ts';

const single = {
  name: 'errand',
  port: 4222,
  monitorPort: 8222,
  storeDir: '/data',
  syncAlways: true,
  maxPayloadBytes: 2_097_152,
};

test('a single server listens on the loopback address only', () => {
  expect(JSON.parse(natsConfig(single))).toEqual({
    server_name: 'errand',
    listen: '127.0.0.1:4222',
    http: '127.0.0.1:8222',
    max_payload: 2_097_152,
    jetstream: { store_dir: '/data', sync_interval: 'always' },
  });
});

test('without syncAlways the interval is the default of the server', () => {
  expect(JSON.parse(natsConfig({ ...single, syncAlways: false })).jetstream).toEqual({ store_dir: '/data' });
});

test('a node of a cluster knows a route to each node', () => {
  const cluster = { name: 'c', routePort: 6222, peerRoutePorts: [6222, 6223] };
  expect(JSON.parse(natsConfig({ ...single, cluster })).cluster).toEqual({
    name: 'c',
    listen: '127.0.0.1:6222',
    routes: ['nats://127.0.0.1:6222', 'nats://127.0.0.1:6223'],
  });
});
