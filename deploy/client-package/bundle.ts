import { build } from 'rolldown';

/** One ES module with all that a module imports. `aliases` names files instead of packages. */
export async function bundle(
  entry: string,
  options: { aliases?: Record<string, string>; minify?: boolean } = {},
): Promise<{ code: string; imports: string[] }> {
  const { output } = await build({
    input: entry,
    write: false,
    logLevel: 'silent',
    resolve: { alias: options.aliases ?? {} },
    output: { format: 'esm', minify: options.minify ?? false, codeSplitting: false },
  });
  const [{ code, imports, dynamicImports }] = output;
  return { code, imports: [...imports, ...dynamicImports] };
}
