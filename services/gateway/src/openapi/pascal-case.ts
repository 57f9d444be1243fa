/** A name such as `PdfOfDesign` of `pdf_of_design`, which generators make types and functions of. */
export function pascalCase(name: string): string {
  return name.replaceAll(/(?:^|_)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
