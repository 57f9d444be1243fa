import { ErrandError } from '@errand/client';
import type { Gateway } from '../../../gateway.ts';
import { CommandFailed, failureOf } from '../../../output/exit-codes.ts';
import type { ReadSecret } from './secrets.ts';

/** Something that is not as declared. */
export interface Change {
  readonly kind: 'tenant' | 'key' | 'endpoint' | 'schedule';
  readonly tenant: string;
  readonly name: string;
  /** `unlisted`: it is there, and not in the file. */
  readonly change: 'make' | 'change' | 'unlisted';
  /** Members that are different; of secrets nothing else is told. */
  readonly members: readonly string[];
  /** Makes it as it is declared, or removes what is unlisted. */
  readonly apply: () => Promise<unknown>;
}

/** What it takes to find what is different of a tenant. */
export interface Deps {
  readonly gateway: Gateway;
  readonly read: ReadSecret;
  /** Whose token a key is, of all keys of the file. */
  readonly ownerOf: Map<string, string>;
  readonly tenant: string;
  /** The tenant is not there yet. */
  readonly isNew: boolean;
}

/** What refuses it says of what. @throws CommandFailed */
export async function named<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const failure = error instanceof ErrandError ? failureOf(error) : undefined;
    if (!failure) throw error;
    const [first = '', ...rest] = failure.lines;
    throw new CommandFailed(failure.exitCode, [`${what}: ${first}`, ...rest], error);
  }
}

/** As the API writes it; what is no time is left to the API to refuse. */
export function utc(instant: string): string {
  const ms = Date.parse(instant);
  return Number.isNaN(ms) ? instant : new Date(ms).toISOString();
}
