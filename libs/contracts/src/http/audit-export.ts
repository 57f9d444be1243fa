import { z } from 'zod';
import { Instant } from '../events/events.ts';
import { ActionName, TenantId } from '../ids.ts';

/*
 * An export of the audit log: lines of JSON, each ended by a line feed.
 *
 *   {"export":{…}}                                                     what was asked for
 *   {"position":…,"version":…,"filed_at":…,"event":{…},"hash":"…"}     each event, its body byte for byte as stored
 *   {"config_position":…,"filed_at":…,"event":{…},"hash":"…"}     each change of a tenant, key, endpoint or action, between
 *                                                                      the events by the time at which it was filed
 *   {"manifest":{…,"complete":true}}                                   what came; a file without it was cut off
 *
 * The chain begins with the SHA-256 of the first line. Each event's hash is the SHA-256 of the previous hash, in hex,
 * and of its own line up to `,"hash"`; the manifest holds the last one. All hashes are taken over the bytes as they
 * are, so a reformatted file does not verify.
 */

/** Format 1, of versions up to 0.2.0, had no changes of configuration. */
export const AUDIT_EXPORT_FORMAT = 2;

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hex digits');

export const AuditExportHeader = z.object({
  export: z.object({
    format: z.literal([1, AUDIT_EXPORT_FORMAT]),
    query: z.object({
      from: Instant.nullable(),
      /** Events filed at or after this time are left out. */
      to: Instant,
      tenant: TenantId.nullable(),
      action: ActionName.nullable(),
      types: z.array(z.string()).nullable(),
    }),
    exported_at: Instant,
    software: z.string(),
    /** The chain of the export that this one continues, if the caller named it. */
    anchor: Sha256.nullable(),
  }),
});
export type AuditExportHeader = z.infer<typeof AuditExportHeader>;

/** An event of a job, or a change of configuration, which has a place of its own. */
export const AuditExportLine = z.object({
  position: z.int().optional(),
  version: z.int().optional(),
  config_position: z.int().optional(),
  filed_at: Instant,
  /** Absent for a message that is not JSON; `body_base64` holds that. */
  event: z.unknown(),
  body_base64: z.string().optional(),
  hash: Sha256,
});

export const AuditExportManifest = z.object({
  manifest: z.object({
    /** Of events and changes. */
    count: z.int(),
    first_position: z.int().nullable(),
    last_position: z.int().nullable(),
    first_filed_at: Instant.nullable(),
    last_filed_at: Instant.nullable(),
    chain: Sha256,
    complete: z.literal(true),
  }),
});
export type AuditExportManifest = z.infer<typeof AuditExportManifest>;
