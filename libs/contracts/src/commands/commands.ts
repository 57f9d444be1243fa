import type { z } from 'zod';

/** What a service can be asked to do: for each command what is asked and what is answered. */
export type CommandSet = Readonly<
  Record<string, { readonly request: z.ZodType; readonly answer: z.ZodType }>
>;
export type CommandRequest<S extends CommandSet, C extends keyof S> = z.infer<S[C]['request']>;
export type CommandAnswer<S extends CommandSet, C extends keyof S> = z.infer<S[C]['answer']>;
