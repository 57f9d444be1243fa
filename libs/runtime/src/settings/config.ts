import { readFileSync } from 'node:fs';
import type { z } from 'zod';

/** One environment variable: what it means, and how its text becomes a value. */
export interface Setting<T> {
  readonly env: string;
  /** For people; says what the value changes. */
  readonly description: string;
  /** `ms`, `bytes`, `days`, …; absent for text and switches. */
  readonly unit?: string;
  /** The text used when the variable is not set. Absent: the variable must be set. */
  readonly default?: string;
  /** Reads the text. */
  readonly schema: z.ZodType<T>;
  /** Never shown in logs or listings. Its text may be in a file that `<env>_FILE` names. */
  readonly secret?: true;
}

/** Its value is asked for each time that it is needed, since its file may have changed. */
export interface LiveSetting<T> extends Setting<T> {
  readonly isLive: true;
}

// biome-ignore lint/suspicious/noExplicitAny: each setting has its own value type, inferred below.
export type Settings = Record<string, Setting<any> | LiveSetting<any>>;
export type ConfigOf<S extends Settings> = {
  [K in keyof S]: S[K] extends LiveSetting<infer T> ? () => T : S[K] extends Setting<infer T> ? T : never;
};

/** Thrown with one line for each variable that is wrong or missing. */
export class ConfigError extends Error {
  override name = 'ConfigError';
  readonly code = 'config_error';
  readonly retryable = false;
}

/**
 * Reads a configuration, or names everything that is wrong with it at once.
 * @throws ConfigError
 */
export function parseConfig<S extends Settings>(
  settings: S,
  env: Record<string, string | undefined>,
): ConfigOf<S> {
  const wrong: string[] = [];
  const config: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries(settings)) {
    const { text = setting.default, fault } = textOf(setting, env);
    if (fault !== undefined) {
      wrong.push(fault);
      continue;
    }
    if (text === undefined) {
      wrong.push(`${setting.env} is not set (${setting.description})`);
      continue;
    }
    const parsed = setting.schema.safeParse(text);
    if (parsed.success) config[key] = 'isLive' in setting ? live(setting, env, parsed.data) : parsed.data;
    else wrong.push(`${setting.env}: ${parsed.error.issues[0]?.message} (${setting.description})`);
  }
  if (wrong.length > 0) throw new ConfigError(`the configuration is wrong:\n  ${wrong.join('\n  ')}`);
  return config as ConfigOf<S>;
}

/** Where its file cannot be read, or says nothing that is right, the value stays as it was. */
function live<T>(setting: Setting<T>, env: Record<string, string | undefined>, first: T): () => T {
  let value = first;
  return () => {
    const { text } = env[`${setting.env}_FILE`] ? textOf(setting, env) : {};
    const parsed = setting.schema.safeParse(text);
    if (parsed.success) value = parsed.data;
    return value;
  };
}

/** Of a secret the text may be in a file, which `<variable>_FILE` names. Compose files and shells leave variables empty to mean unset. */
function textOf(
  { env: name, secret }: Pick<Setting<unknown>, 'env' | 'secret'>,
  env: Record<string, string | undefined>,
): { text?: string; fault?: string } {
  const text = env[name] || undefined;
  const path = secret ? env[`${name}_FILE`] : undefined;
  if (!path) return text === undefined ? {} : { text };
  if (text !== undefined) return { fault: `${name} and ${name}_FILE are both set` };
  try {
    return { text: readFileSync(path, 'utf8').replace(/\r?\n$/, '') };
  } catch (error) {
    return { fault: `${name}_FILE: ${(error as Error).message}` };
  }
}
