export { acceptContinue } from './accept-continue.ts';
export { type AddressRules, createAddressRules, isCidr, isNeverPublic } from './address-rules.ts';
export { ConfigError, type ConfigOf, parseConfig, type Setting, type Settings } from './config.ts';
export {
  type BrokenRequestStatus,
  type HttpServer,
  type PlainAnswer,
  serveHttp,
  type Wire,
} from './http-server.ts';
export { createLimiter } from './limiter.ts';
export { createLogger, type Logger } from './logger.ts';
export { Counter, createOps, Gauge, Histogram, type Ops } from './ops-routes.ts';
export { repeat } from './repeat.ts';
export { retryAfterMs } from './retry-after.ts';
export { runService, type ServiceContext } from './run-service.ts';
export { createSecretBox, type SecretBox } from './sealed-secrets.ts';
export { flag, integer, secret, text } from './setting-kinds.ts';
export {
  BUS_SETTINGS,
  OPS_SETTINGS,
  PAYLOAD_SETTINGS,
  POSTGRES_SETTINGS,
  PROCESS_SETTINGS,
  SEALING_KEY_SETTING,
  WEBHOOK_TARGET_SETTINGS,
} from './shared-settings.ts';
export { watchClock } from './watch-clock.ts';
