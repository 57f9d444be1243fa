import { ApiKey, Instant } from '@errand/contracts';
import { z } from 'zod';
import { printable } from '../http/body-errors.ts';
import { inPath } from '../openapi/operation.ts';
import { named } from '../openapi/schemas.ts';
import { SentMetadata } from '../runs/job-options.ts';

export const KEY_ID = /^[0-9a-f]{64}$/;
export const keyIdInPath = inPath('key_id', "The key's id.", z.string().regex(KEY_ID));

/** A key without its token. */
export const OwnKey = ApiKey.extend({ key_id: z.string() });
/** A key as callers read it, without its token. */
const ListedKey = named('ApiKey', OwnKey.extend({ last_used_at: Instant.nullable() }));
export const KeyList = z.object({ keys: z.array(ListedKey) });
export type KeyList = z.infer<typeof KeyList>;

/** The only answer that has the token. */
export const NewKey = OwnKey.extend({ api_key: z.string() });
export type NewKey = z.infer<typeof NewKey>;

const { scopes, actions } = ApiKey.shape;
const filter = ApiKey.shape.metadata_filter.unwrap();
export const KeyBody = named(
  'ApiKeyRequest',
  z.strictObject({
    name: printable(ApiKey.shape.name),
    scopes,
    actions,
    metadata_filter: SentMetadata.and(filter).optional(),
    expires_at: z.iso.datetime({ offset: true }).optional(),
  }),
);

export const RotationBody = named(
  'ApiKeyRotation',
  z.strictObject({
    grace_s: z.int().min(0).max(2_592_000).optional().meta({
      description: 'For how many seconds the replaced key is still valid. Default: a day.',
    }),
  }),
);
