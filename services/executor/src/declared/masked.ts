import { type Action, PermanentError } from '@errand/actions';
import type { BegunAttempt } from '@errand/actions/execution';
import { type Environment, variableIn } from './command/environment.ts';
import type { Declaration } from './declaration.ts';
import { secretsIn } from './http/headers.ts';

type Mask = (text: string) => string;
type Maskable = Pick<Action, 'run' | 'cancelOperation'>;

/** Stands for a secret in what is written. */
export const MASK = '***';
/** Shorter ones are in half of all words. */
const SHORTEST = 4;

/** The values that an action gets from the environment. */
export function secretsOf({ http, command }: Declaration, env: Environment): string[] {
  const names = command ? command.env : secretsIn(JSON.stringify(http));
  return names.flatMap((name) => variableIn(env, name) ?? []);
}

/** The action, whose lines, progress and partial results show none of the secrets. */
export function withMasks<A extends Maskable>(action: A, secrets: readonly string[]): A {
  const mask = createMask(secrets);
  return mask ? maskedBy(mask, action) : action;
}

function maskedBy<A extends Maskable>(mask: Mask, action: A): A {
  const masked = (attempt: BegunAttempt): BegunAttempt => ({
    ...attempt,
    log: (message, fields) => attempt.log(mask(message), fields && maskedIn(fields, mask)),
    progress: (percent, message) =>
      attempt.progress(percent, message === undefined ? undefined : mask(message)),
    output: (value) => attempt.output(maskedIn(value, mask)),
  });
  async function hiding<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw maskedError(error, mask);
    }
  }
  const { run, cancelOperation } = action;
  const cancel = cancelOperation && {
    cancelOperation: (attempt: BegunAttempt, address: string) =>
      hiding(() => cancelOperation(masked(attempt), address)),
  };
  return { ...action, ...cancel, run: (attempt) => hiding(() => run(masked(attempt))) };
}

/** Replaces each secret, as it is and as JSON, URLs and base64 write it. Undefined where there is nothing to hide. */
export function createMask(secrets: readonly string[]): Mask | undefined {
  const forms = secrets.filter((secret) => secret.trim().length >= SHORTEST).flatMap(formsOf);
  if (forms.length === 0) return undefined;
  // The longest first: one may begin with another one.
  const sorted = [...new Set(forms)].sort((a, b) => b.length - a.length);
  return (text) => sorted.reduce((shown, form) => shown.replaceAll(form, MASK), text);
}

/** The value with masks in its texts and its names. */
function maskedIn<T>(value: T, mask: Mask): T;
function maskedIn(value: unknown, mask: Mask): unknown {
  if (typeof value === 'string') return mask(value);
  if (Array.isArray(value)) return value.map((each) => maskedIn(each, mask));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [mask(key), maskedIn(each, mask)]));
  }
  return typeof value === 'number' && mask(String(value)) !== String(value) ? MASK : value;
}

/** The same error: what it is decides what follows. */
function maskedError(error: unknown, mask: Mask): unknown {
  if (typeof error === 'string') return mask(error);
  if (!(error instanceof Error)) return error;
  const shown = { message: mask(error.message), stack: error.stack && mask(error.stack) };
  if (error.cause !== undefined) Object.assign(shown, { cause: maskedError(error.cause, mask) });
  const details = error instanceof PermanentError && error.details;
  return Object.assign(error, shown, details ? { details: maskedIn(details, mask) } : {});
}

function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    encodeURI(secret),
    new URLSearchParams({ s: secret }).toString().slice(2),
    ...base64Of(bytes),
    bytes.toString('hex'),
    // Each line of one that has several.
    ...secret.split(/\r?\n/).filter((line) => line.trim().length >= SHORTEST && line !== secret),
  ];
}

/** What is the same in base64 wherever in a text the secret begins, as in `user:secret`. */
function base64Of(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((before) => {
    const whole = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64url');
    const first = Math.ceil((before * 8) / 6);
    const last = Math.floor(((before + bytes.length) * 8) / 6);
    const kept = whole.slice(first, last);
    return kept.length >= SHORTEST ? [kept, kept.replaceAll('-', '+').replaceAll('_', '/')] : [];
  });
}
