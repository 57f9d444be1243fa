export { connectionOf } from './bus.ts';
