import type { AuditEntry, AuditPage, ConfigEntry } from '@errand/bus';

/** Events of jobs, and changes of configuration, as they were filed, some at a time. */
export type AuditEntries = AsyncGenerator<(AuditEntry | ConfigEntry)[], void, undefined>;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Both, put together by the times at which they were filed. Closes `pages` and `changes` when it ends or fails. */
export async function* auditEntries(options: {
  pages: AsyncGenerator<AuditPage, void, undefined>;
  changes: AsyncGenerator<ConfigEntry, void, undefined>;
  /** What was filed at or after this time is left out, Unix milliseconds. */
  untilMs: number;
}): AuditEntries {
  const { pages, untilMs } = options;
  await using changes = changesUntil(options.changes, untilMs);
  let change = await changes.next();
  for await (const { entries } of pages) {
    const piece: (AuditEntry | ConfigEntry)[] = [];
    for (const entry of entries) {
      if (entry.filedMs >= untilMs) break;
      while (change && change.filedMs <= entry.filedMs) {
        piece.push(change);
        change = await changes.next();
      }
      piece.push(entry);
    }
    yield piece;
    if ((entries.at(-1)?.filedMs ?? 0) >= untilMs) break;
  }
  for (; change; change = await changes.next()) yield [change];
}

function changesUntil(changes: AsyncGenerator<ConfigEntry, void, undefined>, untilMs: number) {
  return {
    async next(): Promise<ConfigEntry | undefined> {
      const { value } = await changes.next();
      return value && value.filedMs < untilMs ? value : undefined;
    },
    [Symbol.asyncDispose]: async () => void (await changes.return()),
  };
}

/** The members of an entry's JSON, without the braces. What is stored is told as it is stored. */
export function membersOf(entry: AuditEntry | ConfigEntry): string {
  const filed = `"filed_at":"${filedAt(entry)}"`;
  return 'version' in entry
    ? `"position":${entry.position},"version":${entry.version},${filed},${eventOf(entry)}`
    : `"config_position":${entry.position},${filed},"event":${entry.text}`;
}

export function filedAt({ filedMs }: { filedMs: number }): string {
  return new Date(filedMs).toISOString();
}

/** The stored text itself where it is one line of JSON, which all that we write is. */
function eventOf({ data }: AuditEntry): string {
  try {
    const text = decoder.decode(data);
    if (!/[\r\n]/.test(text)) {
      JSON.parse(text);
      return `"event":${text}`;
    }
  } catch {
    // Told below.
  }
  return `"event":null,"body_base64":"${Buffer.from(data).toString('base64')}"`;
}
