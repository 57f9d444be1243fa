import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The folders of the packages that these files come from. */
export function bundledPackages(files: readonly string[]): string[] {
  return [
    ...new Set(files.flatMap((file) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file) ?? [])),
  ].sort();
}

/** The licences of packages, as each one has it. */
export async function licencesOf(folders: readonly string[]): Promise<string> {
  const texts = folders.map(async (folder) => {
    const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Record<
      string,
      string
    >;
    const files = (await readdir(folder)).filter((each) => /^(licen[cs]e|third-party)/i.test(each));
    const parts = await Promise.all(files.map((each) => readFile(join(folder, each), 'utf8')));
    return [`${manifest.name} ${manifest.version} (${manifest.license})`, ...parts].join('\n\n');
  });
  return (await Promise.all(texts)).join(`\n${'-'.repeat(80)}\n\n`);
}
