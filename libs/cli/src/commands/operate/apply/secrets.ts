import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { causeOf } from '@errand/client/for-command';
import { CannotRun } from '../../../cannot-run.ts';
import type { Reference } from './declaration.ts';

/** Reads what references name; `of` says whose secret it is. @throws CannotRun */
export type ReadSecret = (reference: Reference, of: string) => Promise<string>;

/** Files are found from `folder`. A line's end behind a secret does not belong to it. */
export function secretsFrom(env: Readonly<Record<string, string | undefined>>, folder: string): ReadSecret {
  return async (reference, of) => {
    const text =
      'env' in reference ? env[reference.env] : await readSecretFile(resolve(folder, reference.file), of);
    const secret = text?.replace(/\r?\n$/, '');
    if (secret) return secret;
    throw new CannotRun(
      `${of}: ${'env' in reference ? reference.env : reference.file} is ${text === undefined ? 'not set' : 'empty'}`,
    );
  };
}

async function readSecretFile(path: string, of: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new CannotRun(`${of}: ${path} cannot be read: ${causeOf(error)}`);
  }
}
