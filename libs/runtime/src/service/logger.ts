import { type DestinationStream, type Logger, pino } from 'pino';

export type { Logger };

/**
 * One JSON object per line on stdout, or to `output`. Values under keys that name secrets are dropped wherever they
 * turn up.
 */
export function createLogger(options: {
  service: string;
  level: string;
  output?: DestinationStream;
}): Logger {
  const secrets = ['authorization', 'password', 'token', 'api_key', 'secret', 'signing_secret'];
  const settings = {
    base: { service: options.service, pid: process.pid },
    level: options.level,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: secrets.flatMap((key) => [key, `*.${key}`]), censor: '[redacted]' },
  };
  return options.output ? pino(settings, options.output) : pino(settings);
}
