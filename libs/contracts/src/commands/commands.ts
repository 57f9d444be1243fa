import type { z } from 'zod';

/** What a service can be asked to do: the request and the answer of each command. */
export type CommandSet = Readonly<
  Record<string, { readonly request: z.ZodType; readonly answer: z.ZodType }>
>;
export type CommandRequest<S extends CommandSet, C extends keyof S> = z.infer<S[C]['request']>;
export type CommandAnswer<S extends CommandSet, C extends keyof S> = z.infer<S[C]['answer']>;
