import { z } from 'zod';

/** The media type of inputs and results that were JSON before they became payloads. */
export const JSON_TYPE = 'application/json';

/** What a file's name may be: it travels in a header and becomes a name on the caller's disk. */
export const FileName = z
  .string()
  .min(1)
  .max(200)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused.
  .regex(/^[^\x00-\x1f\x7f/\\]*$/, 'must have no slash, backslash or control character');

/** A media type such as `application/pdf`, with nothing in it that could end a header. */
export const ContentType = z
  .string()
  .max(200)
  .regex(/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(; ?[\w-]+=[\w.+-]+)*$/, 'must look like application/pdf');

/** Where an input or result too large for an event is stored. Written once, never changed, gone after a while. */
export const PayloadRef = z.object({
  bucket: z.string().min(1),
  /** `<tenant_id>/<job_id>/<uuid>`; the UUIDv7 gives the time it was stored. */
  key: z.string().min(1).max(300),
  bytes: z.int().min(0),
  /** In lower-case hex. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  content_type: ContentType,
  filename: FileName.optional(),
});
export type PayloadRef = z.infer<typeof PayloadRef>;

/** How a result is downloaded. */
export const ResultLink = z.strictObject({
  url: z.string().meta({ description: 'Download address, needs an API key: a path, or in a webhook a URL.' }),
  bytes: z.int().min(0),
  sha256: z.string().meta({ description: 'SHA-256 of the whole file, in lower-case hex.' }),
  content_type: z.string(),
  filename: z.string().nullable(),
  expires_at: z.iso.datetime().meta({ description: 'When the file can no longer be downloaded.' }),
});
export type ResultLink = z.infer<typeof ResultLink>;
