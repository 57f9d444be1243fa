export type Environment = Readonly<Record<string, string | undefined>>;

/** Undefined for what is not set, whatever objects have by that name. */
export function variableIn(env: Environment, name: string): string | undefined {
  return Object.hasOwn(env, name) ? env[name] : undefined;
}
