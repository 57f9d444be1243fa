import {
  AUDIT_STREAM,
  auditSubjects,
  BUCKETS,
  CONFIG_STREAM,
  configSubjects,
  DEAD_LETTERS_STREAM,
  endingsOf,
  isEndingType,
  JOBS_STREAM,
  JobId,
  type JobRef,
  jobEventsOf,
  jobLogsOf,
  LOGS_STREAM,
  PAGE_READERS,
  PAYLOADS_STREAM,
  parseJobSubject,
  payloadSubjects,
  TenantId,
} from '@errand/contracts';
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { parkedSubject } from '../consume/dead-letters.ts';
import type { AuditReader } from '../read/read-audit.ts';
import { orUnavailable, readPages } from '../read/read-pages.ts';

/*
 * What it takes to forget a tenant. Nothing of it can be taken back. Everything may be called again, whatever was left
 * half done, and all of it throws LogUnavailable.
 */

export interface TenantForgetter {
  /** The versions of its last event in the log and of the last one that ended a job; 0 for none. */
  lastVersions(tenantId: string): Promise<{ event: number; ending: number }>;
  /** Jobs of which the log has no ending. */
  openJobs(tenantId: string): Promise<JobRef[]>;
  /** Events of the audit log and of the log, in this order, so that nobody takes those for lost that only the one lacks. */
  purgeEvents(tenantId: string): Promise<number>;
  /** Stored inputs and results. */
  purgePayloads(tenantId: string): Promise<number>;
  purgeDeadLetters(tenantId: string): Promise<number>;
  /** What its jobs have told callers. */
  purgeJobLogs(tenantId: string): Promise<number>;
  /** Its bulk actions, portal sessions and how far its schedules have come. */
  purgeEntries(tenantId: string): Promise<number>;
  /** Whether the audit log has all that the log got so far. */
  isAudited(version: number): Promise<boolean>;
  /** Recorded changes of its keys, endpoints and schedules, and the marks that they were deleted. */
  purgeParts(tenantId: string): Promise<number>;
  /** The mark that the tenant itself was deleted, and the records of its changes before that at a position. */
  purgeTenant(tenantId: string, deletedAt: number): Promise<void>;
}

/** A purge keeps all appends waiting, so it goes through the log by so many events at a time. */
const PURGE_STEP = 20_000;
const PAGE_SIZE = 1_000;

export function createTenantForgetter(
  nc: NatsConnection,
  jsm: JetStreamManager,
  audit: Pick<AuditReader, 'version'>,
): TenantForgetter {
  async function purge(stream: string, filter: string): Promise<number> {
    const { purged } = await orUnavailable(() => jsm.streams.purge(stream, { filter }));
    return purged;
  }

  async function purgeInSteps(stream: string, filter: string): Promise<number> {
    let purged = 0;
    for (let from = 1; ; ) {
      const wanted = { seq: from, next_by_subj: filter };
      const next = await orUnavailable(() => jsm.streams.getMessage(stream, wanted));
      if (!next) return purged;
      from = next.seq + PURGE_STEP;
      purged += (await orUnavailable(() => jsm.streams.purge(stream, { filter, seq: from }))).purged;
    }
  }

  async function lastOf(subjects: readonly string[]): Promise<number> {
    const last = await orUnavailable(() =>
      Promise.all(subjects.map((subject) => jsm.streams.getMessage(JOBS_STREAM, { last_by_subj: subject }))),
    );
    return Math.max(0, ...last.map((message) => message?.seq ?? 0));
  }

  return {
    async lastVersions(tenantId) {
      const [event, ending] = await Promise.all([
        lastOf([jobEventsOf(tenantId)]),
        lastOf(endingsOf(tenantId)),
      ]);
      return { event, ending };
    },
    async openJobs(tenantId) {
      const open = new Map<string, JobRef>();
      const pages = readPages(nc, jsm, {
        stream: JOBS_STREAM,
        name: PAGE_READERS.deletion,
        filterSubjects: [jobEventsOf(tenantId)],
        from: undefined,
        pageSize: PAGE_SIZE,
        headersOnly: true,
        read: ({ subject }) => subject,
      });
      for await (const { messages } of pages) {
        for (const { read } of messages) {
          const parsed = parseJobSubject(read);
          if (!parsed?.type) continue;
          if (isEndingType(parsed.type)) open.delete(parsed.ref.jobId);
          else open.set(parsed.ref.jobId, parsed.ref);
        }
      }
      return [...open.values()];
    },
    async purgeEvents(tenantId) {
      let purged = 0;
      for (const filter of auditSubjects({ tenantId })) purged += await purgeInSteps(AUDIT_STREAM, filter);
      return purged + (await purgeInSteps(JOBS_STREAM, jobEventsOf(tenantId)));
    },
    async purgePayloads(tenantId) {
      const stream = PAYLOADS_STREAM;
      const described = readPages(nc, jsm, {
        stream,
        filterSubjects: [payloadSubjects.metaOf('>')],
        from: undefined,
        pageSize: PAGE_SIZE,
        headersOnly: true,
        read: ({ subject }) => subject,
      });
      let purged = await purge(stream, payloadSubjects.chunksOf(`${tenantId}.>`));
      for await (const { messages } of described) {
        for (const { read: subject } of messages) {
          const key = Buffer.from(subject.slice(subject.lastIndexOf('.') + 1), 'base64url').toString();
          if (!key.startsWith(`${tenantId}/`)) continue;
          const id = key.slice(key.lastIndexOf('/') + 1);
          // As version 0.2.0 has stored it. Whoever writes a description chooses its name, and a wildcard would be a filter.
          if (JobId.safeParse(id).success) purged += await purge(stream, payloadSubjects.chunksOf(id));
          purged += await purge(stream, subject);
        }
      }
      return purged;
    },
    async purgeDeadLetters(tenantId) {
      const pages = readPages(nc, jsm, {
        stream: DEAD_LETTERS_STREAM,
        name: PAGE_READERS.deletion,
        filterSubjects: [],
        from: undefined,
        pageSize: PAGE_SIZE,
        headersOnly: true,
        read: ({ headers }) => headers && parkedSubject(headers),
      });
      let purged = 0;
      for await (const { messages } of pages) {
        for (const { position, read: subject } of messages) {
          if (subject?.split('.')[1] !== tenantId) continue;
          await orUnavailable(() => jsm.streams.deleteMessage(DEAD_LETTERS_STREAM, position, true));
          purged++;
        }
      }
      return purged;
    },
    purgeJobLogs: (tenantId) => purge(LOGS_STREAM, jobLogsOf(tenantId)),
    async purgeEntries(tenantId) {
      let purged = 0;
      for (const bucket of [BUCKETS.bulkActions, BUCKETS.portalSessions, BUCKETS.scheduleProgress]) {
        purged += await purge(`KV_${bucket}`, `$KV.${bucket}.${TenantId.parse(tenantId)}.>`);
      }
      return purged;
    },
    async isAudited(version) {
      if (version === 0) return true;
      if ((await audit.version()) >= version) return true;
      // It had what was purged from it since.
      const { sources = [] } = await orUnavailable(() => jsm.streams.info(AUDIT_STREAM));
      return sources.every(({ lag }) => lag === 0);
    },
    async purgeParts(tenantId) {
      let purged = 0;
      for (const bucket of [BUCKETS.webhookEndpoints, BUCKETS.schedules]) {
        purged += await purge(`KV_${bucket}`, `$KV.${bucket}.${TenantId.parse(tenantId)}.>`);
      }
      const [, ...parts] = configSubjects({ tenantId });
      for (const filter of parts) purged += await purge(CONFIG_STREAM, filter);
      return purged;
    },
    async purgeTenant(tenantId, deletedAt) {
      const stream = `KV_${BUCKETS.tenants}`;
      const filter = `$KV.${BUCKETS.tenants}.${TenantId.parse(tenantId)}`;
      const mark = await orUnavailable(() => jsm.streams.getMessage(stream, { last_by_subj: filter }));
      // A tenant that was made since has none.
      if (mark?.header?.get('KV-Operation')) {
        await orUnavailable(() => jsm.streams.purge(stream, { filter, seq: mark.seq + 1 }));
      }
      const [subject = ''] = configSubjects({ tenantId });
      await orUnavailable(() => jsm.streams.purge(CONFIG_STREAM, { filter: subject, seq: deletedAt }));
    },
  };
}
