export { type ProjectionConfig, settings } from './config.ts';
export { startProjection } from './start.ts';
