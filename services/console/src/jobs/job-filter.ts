import type { BulkFilter, JobStatus } from '@errand/contracts';

type JobSource = NonNullable<BulkFilter['source']>[number];

/** What a list of jobs is narrowed to: the search of its URL, in which metadata are `meta.<name>`. */
export interface JobFilter {
  readonly status?: string;
  readonly action?: string;
  readonly source?: string;
  readonly q?: string;
  readonly created_after?: string;
  readonly created_before?: string;
  readonly [metadata: `meta.${string}`]: string;
}

const PLAIN = ['status', 'action', 'source', 'q', 'created_after', 'created_before'] as const;

/** Keeps what is a filter, as text. */
export function readJobFilter(search: Record<string, unknown>): JobFilter {
  const kept = Object.entries(search).flatMap(([name, value]) => {
    const isKnown =
      (PLAIN as readonly string[]).includes(name) || (name.startsWith('meta.') && name.length > 5);
    const isSet = value !== undefined && (value !== '' || name.startsWith('meta.'));
    return isKnown && isSet ? [[name, String(value)]] : [];
  });
  return Object.fromEntries(kept) as JobFilter;
}

/** The filter as the API's parameters. */
export function parametersOf(filter: JobFilter): Record<string, string> {
  return Object.fromEntries(
    Object.entries(filter).map(([name, value]) => [name.replace(/^meta\./, 'metadata.'), value]),
  );
}

/** The filter as a bulk action has it. */
export function bulkFilterOf(filter: JobFilter): BulkFilter {
  const { status, action, source, q, created_after, created_before } = filter;
  const metadata = metadataOf(filter);
  return {
    ...(status ? { status: status.split(',') as JobStatus[] } : {}),
    ...(action ? { action: action.split(',') } : {}),
    ...(source ? { source: source.split(',') as JobSource[] } : {}),
    ...(q ? { q } : {}),
    ...(created_after ? { created_after } : {}),
    ...(created_before ? { created_before } : {}),
    ...(metadata.length > 0 ? { metadata: Object.fromEntries(metadata) } : {}),
  };
}

/** Options of `errand jobs`, word by word. */
export function optionsOf(filter: JobFilter): string[] {
  const { status, action, source, q } = filter;
  return [
    ...(status ? ['--status', status] : []),
    ...(action ? ['--action', action] : []),
    ...(source ? ['--source', source] : []),
    ...(q ? ['--has', q] : []),
    ...metadataOf(filter).flatMap(([name, value]) => ['--metadata', `${name}=${value}`]),
  ];
}

function metadataOf(filter: JobFilter): [string, string][] {
  return Object.entries(filter).flatMap(([name, value]) =>
    name.startsWith('meta.') ? [[name.slice(5), value] as [string, string]] : [],
  );
}
