import { buildClient } from './build-client.ts';

console.log(await buildClient());
