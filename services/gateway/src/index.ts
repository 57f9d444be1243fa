export { type GatewayConfig, settings } from './config.ts';
export { openapiOf } from './openapi/document-of-contracts.ts';
export { startGateway } from './start.ts';
