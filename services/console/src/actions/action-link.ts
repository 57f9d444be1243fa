import { pathTo } from '../api/request.ts';

/** The parameters of the resource in an action's link, such as `design_id`. */
export function parametersOf(link: string): string[] {
  return [...link.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '');
}

/** The link with its parameters filled in; one without a value stays as it is. */
export function pathOf(link: string, resource: Readonly<Record<string, string>>): string {
  return link.replaceAll(/\{(\w+)\}/g, (whole, name: string) =>
    resource[name] ? pathTo`${resource[name]}` : whole,
  );
}
