export { connectionOf } from './bus.ts';
export { isPlainEvent } from './read/plain-event.ts';
