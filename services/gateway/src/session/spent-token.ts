import { z } from 'zod';

/** That a sign-in code was used, or a session was ended, by its id. */
export const SpentToken = z.object({});
export type SpentToken = z.infer<typeof SpentToken>;
