import { type Logger, pino } from 'pino';

export type { Logger };

/** One JSON object a line on stdout. Values under keys that name secrets are dropped wherever they turn up. */
export function createLogger(options: { service: string; level: string }): Logger {
  const secrets = ['authorization', 'password', 'token', 'api_key', 'secret', 'signing_secret'];
  return pino({
    base: { service: options.service, pid: process.pid },
    level: options.level,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: secrets.flatMap((key) => [key, `*.${key}`]), censor: '[redacted]' },
  });
}
