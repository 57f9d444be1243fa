import { parseArgs } from 'node:util';

/**
 * The whole numbers that were given as `--name <n>`, and the defaults of the others.
 * @throws for an option that is not among them
 */
export function readNumbers<D extends Readonly<Record<string, number | undefined>>>(
  args: readonly string[],
  defaults: D,
): { [K in keyof D]: D[K] extends number ? number : number | undefined } {
  const names = Object.keys(defaults);
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' } as const]));
  const { values } = parseArgs({ args: [...args], options });
  const numbers = names.map((name) => [name, wholeNumber(name, values[name]) ?? defaults[name]] as const);
  return Object.fromEntries(numbers) as ReturnType<typeof readNumbers<D>>;
}

function wholeNumber(name: string, text: unknown): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new Error(`--${name} must be a whole number from 1`);
  return number;
}
