import type { Bus, StoredEvent } from '@errand/bus';
import { jobEventsOf, storedSubject } from '@errand/contracts';
import { eventView } from '../jobs/history/event-view.ts';
import { createBell } from './bell.ts';

/*
 * What happens to a tenant's jobs, as server-sent events (WHATWG HTML, 9.2). `id` is the event's place in the audit log,
 * where a reader that comes back goes on.
 *
 * The log's announcements only say that there is something to read, and the audit log says what: a reader gets each event
 * once and in order, also over reconnections. Nothing is queued for it.
 */

export interface ChangesDeps {
  readonly bus: {
    readonly jobs: Pick<Bus['jobs'], 'onStored'>;
    readonly audit: Pick<Bus['audit'], 'read'>;
  };
  readonly heartbeatMs: number;
  readonly stopping: AbortSignal;
}

const encoder = new TextEncoder();
const PAGE_SIZE = 200;
/** Reads are as far apart at least, so that a busy tenant's reader costs few. */
const READ_EVERY_MS = 200;
/** The audit log has what was announced after a fraction of a second, unless its tenant was deleted meanwhile. */
const LAG_MS = 50;
const LONGEST_LAG_MS = 5_000;

export function changesStream(
  { bus, heartbeatMs, stopping }: ChangesDeps,
  { tenantId, after, signals }: { tenantId: string; after: number; signals: readonly AbortSignal[] },
): ReadableStream<Uint8Array> {
  const over = AbortSignal.any([...signals, stopping]);
  let position = after;
  let seen = 0;
  let told = 0;
  let toldAt = 0;
  let isUnsure = true;
  const bell = createBell(over);
  let readAt = Number.NEGATIVE_INFINITY;
  let beatAt = performance.now() + heartbeatMs;
  let head = `retry: 2000\nid: ${position}\n\n`;
  const stopListening = bus.jobs.onStored(storedSubject(jobEventsOf(tenantId)), {
    onEvent({ version }: StoredEvent) {
      told = Math.max(told, version);
      toldAt = performance.now();
      bell.ring();
    },
    onGap() {
      isUnsure = true;
      bell.ring();
    },
  });

  /** A page of what there is behind the position. */
  async function read(): Promise<string> {
    isUnsure = false;
    readAt = performance.now();
    const page = await readChangesPage(bus, { tenantId, after: position });
    if (page.hasMore) isUnsure = true;
    position = page.next;
    seen = Math.max(seen, page.version);
    return page.changes.map(frame).join('');
  }

  /** The next piece of the stream, or undefined at its end. */
  async function next(): Promise<string | undefined> {
    for (;;) {
      if (over.aborted) return undefined;
      const nowMs = performance.now();
      if (head !== '') {
        const piece = head;
        head = '';
        return piece;
      }
      if (isUnsure || told > seen) {
        const waitMs = readAt + (isUnsure ? 0 : READ_EVERY_MS) - nowMs;
        // What is told meanwhile comes with the next page.
        if (waitMs > 0) {
          await bell.sleep(waitMs);
          continue;
        }
        const piece = await read();
        if (piece !== '') return piece;
        if (nowMs - toldAt > LONGEST_LAG_MS) seen = told;
        else if (told > seen) await bell.sleep(LAG_MS);
        continue;
      }
      if (nowMs >= beatAt) {
        beatAt = nowMs + heartbeatMs;
        return `id: ${position}\n\n`;
      }
      await bell.sleep(beatAt - nowMs);
    }
  }

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const piece = await next().catch(() => undefined);
        if (piece !== undefined) return controller.enqueue(encoder.encode(piece));
        stopListening();
        controller.close();
      },
      cancel: stopListening,
    },
    { highWaterMark: 0 },
  );
}

function frame({ id, ...change }: Change): string {
  return `id: ${id}\nevent: ${change.event.type}\ndata: ${JSON.stringify(change)}\n\n`;
}

export interface Change {
  readonly id: number;
  readonly job_id: string;
  readonly action: string;
  readonly event: ReturnType<typeof eventView> & { readonly type: string };
}

/** What happened behind a place. What cannot be read is passed over; it is a dead letter. @throws LogUnavailable */
export async function readChangesPage(
  bus: ChangesDeps['bus'],
  { tenantId, after }: { tenantId: string; after: number },
): Promise<{ changes: Change[]; next: number; hasMore: boolean; version: number }> {
  const pages = bus.audit.read({ tenantId, afterPosition: after, pageSize: PAGE_SIZE });
  for await (const { entries, remaining } of pages) {
    const changes = entries.flatMap(({ decoded, position }): Change[] => {
      if (decoded.kind !== 'event') return [];
      const { ref, event } = decoded.recorded;
      const view = { ...eventView(decoded.recorded), type: event.type };
      return [{ id: position, job_id: ref.jobId, action: ref.action, event: view }];
    });
    const last = entries.at(-1);
    return { changes, next: last?.position ?? after, hasMore: remaining > 0, version: last?.version ?? 0 };
  }
  return { changes: [], next: after, hasMore: false, version: 0 };
}
