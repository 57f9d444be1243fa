import { isDeepStrictEqual } from 'node:util';
import { SCHEDULE_DEFAULTS } from '@errand/contracts';
import { type Change, type Deps, named, utc } from './change.ts';
import type { DeclaredSchedule } from './declaration.ts';

interface StoredSchedule {
  readonly schedule_id: string;
  readonly external_id: string | null;
}

/** What there is to do for a tenant's schedules, whose names are their external ids. @throws CannotRun; ErrandError */
export async function scheduleChanges(
  declared: Readonly<Record<string, DeclaredSchedule>>,
  { gateway, tenant, isNew }: Deps,
): Promise<Change[]> {
  const path = `/v2/tenants/${tenant}/schedules`;
  const stored: StoredSchedule[] = [];
  for (let cursor: string | null = isNew ? null : ''; cursor !== null; ) {
    const query = { limit: '200', ...(cursor && { cursor }) };
    const page = { method: 'GET', path, query } as const;
    const { schedules, next_cursor } = await gateway.json<Page>(page);
    stored.push(...schedules);
    cursor = next_cursor;
  }
  const about = { kind: 'schedule', tenant } as const;
  const changes: Change[] = [];
  for (const [name, schedule] of Object.entries(declared)) {
    const wanted = { ...SCHEDULE_DEFAULTS, ...schedule, ...timesOf(schedule) };
    const known = stored.find(({ external_id }) => external_id === name);
    const members = known ? differences(wanted, known) : [];
    if (known && members.length === 0) continue;
    const post = (query?: Record<string, string>) =>
      gateway.json({
        method: 'POST',
        path,
        body: { ...wanted, external_id: name },
        isRepeatable: true,
        ...(query && { query }),
      });
    // A tenant that is not there cannot be asked.
    if (!isNew) await named(`tenants.${tenant}.schedules.${name}`, () => post({ validate_only: 'true' }));
    const patch = () =>
      gateway.json({
        method: 'PATCH',
        path: `${path}/${known?.schedule_id}`,
        body: wanted,
        isRepeatable: true,
      });
    const change = known ? 'change' : 'make';
    changes.push({ ...about, name, change, members, apply: known ? patch : () => post() });
  }
  for (const { schedule_id, external_id } of stored) {
    if (external_id !== null && Object.hasOwn(declared, external_id)) continue;
    const apply = () => gateway.json({ method: 'DELETE', path: `${path}/${schedule_id}` });
    changes.push({ ...about, name: external_id ?? schedule_id, change: 'unlisted', members: [], apply });
  }
  return changes;
}

interface Page {
  readonly schedules: readonly StoredSchedule[];
  readonly next_cursor: string | null;
}

function timesOf({ starts_at, ends_at }: DeclaredSchedule) {
  return { starts_at: starts_at ? utc(starts_at) : null, ends_at: ends_at ? utc(ends_at) : null };
}

function differences(wanted: object, stored: object): string[] {
  const there = stored as Record<string, unknown>;
  return Object.entries(wanted).flatMap(([member, value]) =>
    isDeepStrictEqual(value, there[member]) ? [] : [member],
  );
}
