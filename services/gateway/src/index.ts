export { type GatewayConfig, settings } from './config.ts';
export { startGateway } from './start.ts';
