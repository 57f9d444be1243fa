/* Listens with the shortest possible queue, and reports its address; its starter stops it by SIGSTOP. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

const server = createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 });
await once(server, 'listening');
process.send?.((server.address() as AddressInfo).port);
process.once('disconnect', () => process.exit());
