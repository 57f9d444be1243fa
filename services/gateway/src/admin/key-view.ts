import { ApiKey } from '@errand/contracts';
import { z } from 'zod';
import { named } from '../openapi/schemas.ts';

/** A key as callers read it, without its token. */
export const KeyView = named('ApiKey', ApiKey.extend({ key_id: z.string() }));
