/** Whether a version is one, and comes after another. Both have three numbers. */
export function isLater(version: string, than: string): boolean {
  if (!/^\d+\.\d+\.\d+$/.test(version)) return false;
  const [a, b] = [version, than].map((each) => each.split('.').map(Number));
  const differing = a?.findIndex((number, index) => number !== b?.[index]) ?? -1;
  return differing >= 0 && (a?.[differing] ?? 0) > (b?.[differing] ?? 0);
}

const OURS = /^(@errand\/[\w-]+|errand|create-errand)$/;

/** A package.json of this repository with another version of it and of the other workspaces. */
export function withVersion(text: string, version: string): string {
  const manifest = JSON.parse(text) as Record<string, unknown>;
  const changed = Object.fromEntries(
    Object.entries(manifest).map(([key, value]) => {
      if (key === 'version') return [key, version];
      if (!/ependencies$/.test(key)) return [key, value];
      const listed = Object.entries(value as Record<string, string>);
      return [key, Object.fromEntries(listed.map(([name, at]) => [name, OURS.test(name) ? version : at]))];
    }),
  );
  return `${JSON.stringify(changed, null, 2)}\n`;
}

/** A Chart.yaml with another version of the chart, and of what it runs. */
export function withChartVersion(text: string, version: string): string {
  return text.replaceAll(/^(version|appVersion): .*$/gm, `$1: ${version}`);
}

/**
 * The changelog with a section of its own for what was unreleased.
 * @throws if nothing was
 */
export function withSection(changelog: string, { version, date }: { version: string; date: string }): string {
  const heading = '## Unreleased\n';
  const at = changelog.indexOf(heading);
  const rest = changelog.slice(at + heading.length).trimStart();
  if (at === -1 || rest === '' || rest.startsWith('## '))
    throw new Error('the changelog has nothing under "## Unreleased"');
  return `${changelog.slice(0, at)}${heading}\n## ${version} (${date})\n\n${rest}`;
}
