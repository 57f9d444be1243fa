import { z } from 'zod';
import { ActionName } from './ids.ts';

const RESOURCE = /^([a-z][a-z0-9_]*\/\{[a-z][a-z0-9_]*\}(\/|$))*$/;

/** What an executor announces of an action: all that a gateway needs to grow its route and check its inputs. */
export const ActionContract = z.object({
  name: ActionName,
  version: z.string().min(1).max(64),
  description: z.string().max(2000),
  /** The path under the tenant, such as `designs/{design_id}`; empty for an action of the tenant itself. */
  resource: z.string().regex(RESOURCE, 'must look like designs/{design_id}').max(200),
  /** JSON Schema 2020-12. */
  input_schema: z.record(z.string(), z.unknown()),
  result_schema: z.record(z.string(), z.unknown()),
  max_attempts: z.int().min(1),
  timeout_ms: z.int().min(1),
});
export type ActionContract = z.infer<typeof ActionContract>;

/** Path words that the API uses itself, so no action may be called by them. */
export const RESERVED_ACTION_NAMES: readonly string[] = ['jobs', 'actions', 'webhooks', 'events'];
