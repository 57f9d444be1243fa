export {
  type ActionKey,
  type CallbackKeys,
  createActionKey,
  createCallbackKeys,
} from './callbacks/callback-keys.ts';
export { createAsker, sealAnswer } from './callbacks/sealed-answer.ts';
export { createHeap, type Heap } from './heap.ts';
export { acceptContinue } from './http/accept-continue.ts';
export { type AddressRules, createAddressRules, isCidr, isNeverPublic } from './http/address-rules.ts';
export {
  type BrokenRequestStatus,
  type HttpServer,
  type HttpServerOptions,
  type PlainAnswer,
  serveHttp,
  type Wire,
} from './http/http-server.ts';
export { measureConflicts } from './http/measure-conflicts.ts';
export { Counter, createOps, Gauge, Histogram, type Ops } from './http/ops-routes.ts';
export { retryAfterMs } from './http/retry-after.ts';
export { createLimiter } from './limiter.ts';
export { createSecretBox, type SecretBox } from './sealed-secrets.ts';
export { createLogger, type Logger } from './service/logger.ts';
export { runService, type ServiceContext } from './service/run-service.ts';
export { ConfigError, type ConfigOf, parseConfig, type Setting, type Settings } from './settings/config.ts';
export { flag, integer, optional, secret, secrets, text } from './settings/setting-kinds.ts';
export {
  BUS_SETTINGS,
  OPS_SETTINGS,
  PAYLOAD_SETTINGS,
  POSTGRES_SETTINGS,
  PROCESS_SETTINGS,
  PUBLIC_URL_SETTING,
  SEALING_KEY_SETTINGS,
  TURNS_SETTING,
  tenantLimitsSetting,
  WEBHOOK_TARGET_SETTINGS,
} from './settings/shared-settings.ts';
export { createDelayed } from './time/delayed.ts';
export { createRepeats, repeat } from './time/repeat.ts';
export { watchClock } from './time/watch-clock.ts';
export { isSampled, openTracing, type Span, type Tracing, traceIdOf } from './tracing/tracing.ts';
