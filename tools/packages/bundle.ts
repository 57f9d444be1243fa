import { build } from 'rolldown';

interface BundleOptions {
  /** Files instead of packages. */
  readonly aliases?: Readonly<Record<string, string>>;
  readonly minify?: boolean;
  /** For this Node and later ones, such as `node20`; default: for all runtimes. */
  readonly node?: string;
}

/**
 * One ES module with everything that a module imports, except what the runtime has. `modules`: the files that went in.
 */
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
