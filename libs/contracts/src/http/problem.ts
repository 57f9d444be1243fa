import { z } from 'zod';

/**
 * One wrong input. `pointer` is a JSON Pointer into the body in URI fragment form (RFC 6901, 6), such as
 * `#/arrays/0/tilt_deg`; `parameter` names a path or query parameter or a header instead.
 */
export const InputError = z.object({
  pointer: z.string().optional(),
  parameter: z.string().optional(),
  code: z.string(),
  detail: z.string(),
});
export type InputError = z.infer<typeof InputError>;

/** An error answer (RFC 9457, application/problem+json). `code` is stable; `detail` is for people. */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string(),
  detail: z.string(),
  /** The request's id, by which it is found in the log. */
  instance: z.string(),
  errors: z.array(InputError).optional(),
  /** Whether there are more errors than `errors` has room for. */
  more_errors: z.literal(true).optional(),
});
export type Problem = z.infer<typeof Problem>;
