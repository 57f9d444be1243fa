import { z } from 'zod';
import { isCidr } from '../http/address-rules.ts';
import type { LiveSetting, Setting } from './config.ts';

type About = { env: string; description: string };

/** Any text. Without a default it must be set. */
export function text(about: About & { default?: string }): Setting<string> {
  return { ...about, schema: z.string().min(1) };
}

const LONG_ENOUGH = z.string().min(16, 'must have at least 16 characters');

/** Text that no log or listing may show. */
export function secret(about: About & { schema?: z.ZodType<string>; default?: string }): Setting<string> {
  return { schema: LONG_ENOUGH, ...about, secret: true };
}

/** The same, which may be exchanged in its file while the process runs. */
export function liveSecret(about: Parameters<typeof secret>[0]): LiveSetting<string> {
  return { ...secret(about), isLive: true };
}

/** Secrets separated by commas; `none`, the default, for none. */
export function secrets(about: About & { schema?: z.ZodType<string> }): Setting<readonly string[]> {
  const { schema: each = LONG_ENOUGH, ...rest } = about;
  const schema = z
    .string()
    .transform((list): unknown => (list === 'none' ? [] : list.split(',')))
    .pipe(z.array(each)) as unknown as z.ZodType<readonly string[]>;
  return { ...rest, default: 'none', schema, secret: true };
}

/** Text such as the path of a file; `none`, the default, for nothing. */
export function optional(about: About): Setting<string | undefined> {
  const schema = z.string().transform((sent) => (sent === 'none' ? undefined : sent));
  return { ...about, default: 'none', schema: schema as unknown as z.ZodType<string | undefined> };
}

/** An http or https URL; `none`, the default, for nothing. */
export function optionalUrl(about: About): Setting<string | undefined> {
  const url = z.url({ protocol: /^https?$/, error: 'must be an http or https URL, or none' });
  const { schema: given, ...rest } = optional(about);
  return { ...rest, schema: given.pipe(url.optional()) };
}

/** A number from 0 to 1. */
export function share(about: About & { default: number }): Setting<number> {
  const schema = z.coerce
    .number({ error: 'must be a number' })
    .min(0, 'must be at least 0')
    .max(1, 'must be at most 1');
  return { ...about, default: String(about.default), schema: schema as z.ZodType<number> };
}

/** A whole number with its unit and its allowed range. */
export function integer(
  about: About & { default: number; unit: string; min: number; max: number },
): Setting<number> {
  const { min, max, env, description, unit } = about;
  const schema = z.coerce
    .number({ error: 'must be a number' })
    .int('must be a whole number')
    .min(min, `must be at least ${min} ${unit}`)
    .max(max, `must be at most ${max} ${unit}`);
  return { env, description, unit, default: String(about.default), schema: schema as z.ZodType<number> };
}

/** `true` or `false`. */
export function flag(about: About & { default: boolean }): Setting<boolean> {
  const schema = z
    .enum(['true', 'false'], { error: 'must be true or false' })
    .transform((value) => value === 'true');
  return { ...about, default: String(about.default), schema: schema as unknown as z.ZodType<boolean> };
}

/** JSON of some shape. */
export function json<T>(about: About & { schema: z.ZodType<T>; default: string }): Setting<T> {
  const schema = z.string().transform((text, context): unknown => {
    const { value, fault } = readJson(text, about.schema);
    if (fault !== undefined) context.addIssue(fault);
    return value;
  });
  return { ...about, schema: schema as unknown as z.ZodType<T> };
}

function readJson<T>(text: string, schema: z.ZodType<T>): { value?: T; fault?: string } {
  try {
    const { data, error } = schema.safeParse(JSON.parse(text));
    if (!error) return { value: data };
    const [first] = error.issues;
    return { fault: [...(first?.path ?? []), first?.message].join(': ') };
  } catch {
    return { fault: 'must be JSON' };
  }
}

/** Subnets in CIDR notation, separated by commas; `none` for none. */
export function cidrs(about: About): Setting<readonly string[]> {
  const schema = z
    .string()
    .transform((list) => (list.trim() === 'none' ? [] : list.split(',').map((cidr) => cidr.trim())))
    .refine((list) => list.every(isCidr), 'must be subnets such as 10.0.0.0/8,fd00::/8, or none');
  return { ...about, default: 'none', schema };
}
