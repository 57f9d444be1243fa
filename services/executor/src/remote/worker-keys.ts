import { hash, timingSafeEqual } from 'node:crypto';
import { ActionName } from '@errand/contracts';
import { z } from 'zod';

/** Says which actions the bearer of a key may run; undefined for a key that is none. */
export type WorkerKeys = (authorization: string | undefined) => ((action: string) => boolean) | undefined;

/** `<action>=<key>`, or `*=<key>` for all actions. */
export const WorkerKey = z
  .string()
  .regex(
    /^[a-z0-9_*]+=[\x21-\x2b\x2d-\x7e]{16,200}$/,
    'must be <action>=<key> or *=<key>, keys of 16 characters or more',
  )
  .refine((text) => {
    const action = text.slice(0, text.indexOf('='));
    return action === '*' || ActionName.safeParse(action).success;
  }, 'must begin with the name of an action, or *');

const BEARER = /^Bearer +([\x21-\x7e]{1,1024})$/i;

/** Only hashes of keys are compared. */
export function createWorkerKeys(keys: readonly string[]): WorkerKeys {
  const known = keys.map((text) => {
    const at = text.indexOf('=');
    return { action: text.slice(0, at), digest: hash('sha256', text.slice(at + 1), 'buffer') };
  });
  return (authorization) => {
    const token = BEARER.exec(authorization ?? '')?.[1];
    if (token === undefined) return undefined;
    const digest = hash('sha256', token, 'buffer');
    const actions = known.filter((each) => timingSafeEqual(each.digest, digest)).map(({ action }) => action);
    if (actions.length === 0) return undefined;
    return (action) => actions.includes('*') || actions.includes(action);
  };
}
