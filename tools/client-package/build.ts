import { buildClient } from './build-client.ts';
import { packClient } from './pack-client.ts';

console.log(await packClient(await buildClient()));
