import { buildCommand } from './build-command.ts';

console.log(await buildCommand());
