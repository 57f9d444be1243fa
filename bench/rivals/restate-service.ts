/* Restate's side: a service that does nothing, for the server that runs beside it. */
import * as restate from '@restatedev/restate-sdk';

const noop = restate.service({ name: 'noop', handlers: { run: async () => ({}) } });
await restate.serve({ services: [noop], port: Number(process.argv[2]) });
process.send?.('ready');
