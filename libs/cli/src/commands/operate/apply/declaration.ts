import { flawsOfJson, TenantId, TenantLimits } from '@errand/contracts';
import { type Document, LineCounter, parseDocument, visit } from 'yaml';
import { z } from 'zod';
import { CannotRun } from '../../../cannot-run.ts';

/*
 * What `errand apply` reads: tenants with their limits, allowed actions, keys, webhook endpoints and schedules. Secrets are never in
 * it, only where they are. A part that is left out is left alone. What the API checks is not checked here.
 */

/** Where a secret is. */
const Reference = z.union([
  z.strictObject({ env: z.string().min(1) }),
  z.strictObject({ file: z.string().min(1) }),
]);
export type Reference = z.infer<typeof Reference>;

const Key = z.strictObject({
  token: Reference,
  scopes: z.array(z.string()).optional(),
  actions: z.array(z.string()).optional(),
  metadata_filter: z.record(z.string(), z.string()).optional(),
  expires_at: z.string().optional(),
});
export type DeclaredKey = z.infer<typeof Key>;

const Endpoint = z.strictObject({
  url: z
    .string()
    .refine((url) => !/^\w+:\/\/[^/]*@/.test(url), 'must not contain a password: use basic_auth'),
  method: z.string().optional(),
  enabled: z.boolean().optional(),
  event_types: z.array(z.string()).optional(),
  actions: z.array(z.string()).optional(),
  metadata: z.record(z.string(), z.string()).optional(),
  include: z.array(z.string()).optional(),
  max_rps: z.number().optional(),
  max_concurrency: z.number().optional(),
  basic_auth: z.strictObject({ username: z.string(), password: Reference }).optional(),
  secret_headers: z.record(z.string(), Reference).optional(),
  signing_secret: Reference.optional(),
});
export type DeclaredEndpoint = z.infer<typeof Endpoint>;

/** What it leaves out is as it is by default. Whether it is paused is left alone. */
const Schedule = z.strictObject({
  action: z.string(),
  resource: z.record(z.string(), z.string()).optional(),
  input: z.record(z.string(), z.unknown()).optional(),
  job: z.record(z.string(), z.unknown()).optional(),
  cron: z.string().optional(),
  time_zone: z.string().optional(),
  every_s: z.number().optional(),
  starts_at: z.string().optional(),
  ends_at: z.string().optional(),
  overlap: z.string().optional(),
  catch_up: z.string().optional(),
  spread_s: z.number().optional(),
  description: z.string().optional(),
});
export type DeclaredSchedule = z.infer<typeof Schedule>;

const Name = z.string().min(1).max(100);
const Tenant = z.strictObject({
  limits: z.strictObject(TenantLimits.shape).optional(),
  actions: z.array(z.string()).nullable().optional(),
  keys: z.record(Name, Key).optional(),
  endpoints: z.record(Name, Endpoint).optional(),
  schedules: z.record(Name, Schedule).optional(),
});
export type DeclaredTenant = z.infer<typeof Tenant>;

const Declaration = z.strictObject({ tenants: z.record(TenantId, Tenant) });
export type Declaration = z.infer<typeof Declaration>;

/** `name` is the file's, for messages. @throws CannotRun */
export function parseDeclaration(text: string, name: string): Declaration {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { uniqueKeys: true, lineCounter });
  const [error] = document.errors;
  if (error) throw new CannotRun(`${name} is not YAML: ${error.message.split('\n')[0]}`);
  const parsed = Declaration.safeParse(document.toJS());
  const wrong = [
    ...inexactNumbers(document, lineCounter),
    ...(parsed.error?.issues ?? []).map(({ path, message }) => `${path.join('.') || 'the file'}: ${message}`),
  ];
  if (parsed.success && wrong.length === 0) return parsed.data;
  throw new CannotRun(`${name} is wrong:\n${wrong.map((line) => `  ${line}`).join('\n')}`);
}

const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?$/i;

/** Inputs of jobs are among the values, and nobody may get another number than the file has. */
function inexactNumbers(document: Document, lines: LineCounter): string[] {
  const found: string[] = [];
  visit(document, {
    Scalar(_, { value, source = '', range }) {
      if (typeof value !== 'number' || isExact(value, source)) return;
      const { line } = lines.linePos(range?.[0] ?? 0);
      found.push(`line ${line}: ${source} is a number that cannot be kept exactly; write it as a text`);
    },
  });
  return found;
}

function isExact(value: number, source: string): boolean {
  if (JSON_NUMBER.test(source)) return flawsOfJson(source).length === 0;
  return Number.isSafeInteger(value) || (Number.isFinite(value) && !Number.isInteger(value));
}
