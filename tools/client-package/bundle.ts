import { build } from 'rolldown';

interface BundleOptions {
  /** Files instead of packages. */
  readonly aliases?: Readonly<Record<string, string>>;
  readonly minify?: boolean;
  /** For this Node and later ones, such as `node20`, instead of for all runtimes. */
  readonly node?: string;
}

/** One ES module with all that a module imports, but for what the runtime has. `modules`: the files that went in. */
export async function bundle(
  entry: string,
  { aliases = {}, minify = false, node }: BundleOptions = {},
): Promise<{ code: string; imports: string[]; modules: string[] }> {
  const { output } = await build({
    input: entry,
    write: false,
    logLevel: 'silent',
    resolve: { alias: { ...aliases } },
    output: { format: 'esm', minify, codeSplitting: false },
    ...(node === undefined ? {} : { platform: 'node', transform: { target: node } }),
  });
  const [{ code, imports, dynamicImports, moduleIds }] = output;
  return { code, imports: [...imports, ...dynamicImports], modules: moduleIds };
}
