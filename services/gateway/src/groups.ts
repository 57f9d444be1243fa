import { hash } from 'node:crypto';
import { payloadLifeMs, type Tenant, withLimitsOfAll } from '@errand/contracts';
import { createLimiter } from '@errand/runtime';
import type { ActionsGroup, CatalogueEntry } from './actions/action-catalogue.ts';
import type { Lookup } from './actions/lookup.ts';
import type { AdminGroup } from './admin/admin-group.ts';
import type { AppDeps } from './app-deps.ts';
import type { BulkGroup } from './bulk/bulk-group.ts';
import type { CallbacksGroup } from './callbacks/callbacks-group.ts';
import type { GatewayConfig } from './config.ts';
import { createFeed } from './feed/feed.ts';
import type { FeedGroup } from './feed/feed-group.ts';
import type { Authenticator } from './http/authenticate.ts';
import type { HttpGroup } from './http/read-body.ts';
import { createStreamBeat } from './http/stream-beat.ts';
import { createLongLog } from './jobs/history/long-history.ts';
import { createJobWatch } from './jobs/job-watch.ts';
import type { JobsGroup } from './jobs/jobs-group.ts';
import { createStatusRate } from './jobs/status-rate.ts';
import type { KeysGroup } from './keys/keys-group.ts';
import type { TenantReads } from './load/tenant-reads.ts';
import type { McpGroup } from './mcp/mcp-group.ts';
import type { PortalGroup } from './portal/portal-group.ts';
import { createIdempotency, type Idempotency } from './runs/idempotency.ts';
import { createRunLimits } from './runs/run-limits.ts';
import type { OrderLimits } from './runs/run-options.ts';
import { createRunTurns } from './runs/run-turns.ts';
import type { RunsGroup } from './runs/runs-group.ts';
import type { SchedulesGroup } from './schedules/schedules-group.ts';
import type { ServiceGroup } from './service/service-group.ts';
import type { SessionGroup } from './session/session-group.ts';
import type { StatsGroup } from './stats/stats-group.ts';
import { createTestAllowance } from './webhooks/deliveries/test-allowance.ts';
import { createUrlRules } from './webhooks/endpoints/endpoint-url.ts';
import type { WebhooksGroup } from './webhooks/webhooks-group.ts';

const HOUR_MS = 3_600_000;
/** What an event's headers may take of a message. */
const EVENT_HEADERS_BYTES = 1_024;
/** Each goes through up to half a million entries. */
const AUDIT_READS_AT_ONCE = 2;

/** What handlers take, by what they are about. */
export interface Groups
  extends HttpGroup,
    ActionsGroup,
    JobsGroup,
    RunsGroup,
    McpGroup,
    BulkGroup,
    CallbacksGroup,
    SchedulesGroup,
    FeedGroup,
    StatsGroup,
    WebhooksGroup,
    AdminGroup,
    KeysGroup,
    SessionGroup,
    PortalGroup,
    ServiceGroup {}

interface Parts extends AppDeps {
  readonly tenants: Lookup<Tenant>;
  readonly reads: TenantReads;
  readonly whoIs: Authenticator['whoIs'];
  readonly describe: (entries: readonly CatalogueEntry[]) => object;
}

interface Keyed {
  readonly idempotency: Idempotency;
}

export function createGroups(all: Parts): Groups {
  const limited = withLimitsOfAll(all.config.tenantLimits);
  const { tenantBucket } = all;
  const parts = {
    ...all,
    tenantBucket: { ...tenantBucket, peek: (id: string) => limited(tenantBucket.peek(id)) },
  };
  const { config, ops, catalogue, describe, bus, now, idempotencyRecords: records } = parts;
  // It knows which requests are under way here.
  const idempotency = createIdempotency({ bus, now, records, takeoverMs: config.idempotencyTakeoverMs });
  const keyed = { ...parts, idempotency };
  const jobs = jobsOf(parts);
  return {
    http: { maxBodyBytes: config.maxBodyBytes, bodyTimeoutMs: config.bodyTimeoutMs },
    actions: { catalogue },
    jobs,
    callbacks: callbacksOf(parts, jobs),
    runs: runsOf(keyed),
    mcp: { origins: config.corsOrigins, hosts: config.allowedHosts },
    bulk: bulkOf(keyed),
    schedules: schedulesOf(parts),
    feed: feedOf(parts),
    stats: { tables: parts.stats, now: parts.now },
    webhooks: webhooksOf(parts),
    admin: adminOf(all),
    keys: keysOf(all),
    session: sessionOf(parts),
    portal: portalOf(parts),
    service: { ops, catalogue, describe },
  };
}

function jobsOf({
  bus,
  config,
  store,
  list,
  catalogue,
  tenantBucket,
  log,
  now,
  stopping,
}: Parts): JobsGroup['jobs'] {
  return {
    bus,
    store,
    list,
    catalogue,
    log,
    now,
    watch: createJobWatch(bus.jobs, stopping),
    statusRate: createStatusRate(tenantBucket),
    streamBeat: createStreamBeat(config.eventsHeartbeatMs),
    appendTimeoutMs: config.appendTimeoutMs,
    auditKeepsMs: config.auditMaxAgeDays * 24 * HOUR_MS,
    historyLimits: { maxEntries: config.historyMaxEntries, maxMs: config.historyTimeoutMs },
    inAuditTurn: createLimiter(AUDIT_READS_AT_ONCE),
    longLog: createLongLog(bus, { maxEntries: config.longLogMaxEntries, maxMs: config.longLogMaxMs }),
  };
}

function runsOf({
  bus,
  config,
  catalogue,
  logRoom,
  now,
  idempotency,
  tenantBucket,
}: Parts & Keyed): RunsGroup['runs'] {
  return {
    bus,
    catalogue,
    logRoom,
    limits: createRunLimits({ bus, tenants: tenantBucket, logRoom }),
    turns: createRunTurns({ bus, tenants: tenantBucket, catalogue, isOn: config.turns }),
    now,
    idempotency,
    appendTimeoutMs: config.appendTimeoutMs,
    inlinePayloadBytes: config.inlinePayloadBytes,
    inputRoom: { ofTenant: config.payloadsTenantPercent, ofAll: config.payloadsInputsPercent },
    payloadLifeMs: payloadLifeMs(config),
    ...orderLimitsOf(config),
    batchLimits: { maxBodyBytes: config.maxBatchBodyBytes, bodyTimeoutMs: config.bodyTimeoutMs },
    maxEventBytes: () => bus.maxMessageBytes() - EVENT_HEADERS_BYTES,
  };
}

function callbacksOf(
  { bus, config, callbackKeys: keys, catalogue, logRoom, now }: Parts,
  { watch }: JobsGroup['jobs'],
): CallbacksGroup['callbacks'] {
  return {
    bus,
    keys,
    catalogue,
    watch,
    // Its own, so that callers of status never wait for who has a URL.
    longLog: createLongLog(bus, { maxEntries: config.longLogMaxEntries, maxMs: config.longLogMaxMs }),
    logRoom,
    now,
    waitMs: config.callbackWaitMs,
    progressIntervalMs: config.callbackProgressIntervalMs,
    inlinePayloadBytes: config.inlinePayloadBytes,
    resultRoom: { ofTenant: config.payloadsTenantPercent },
  };
}

function bulkOf(parts: Parts & Keyed): BulkGroup['bulk'] {
  const { bus, config, bulkStore: store, bulkJobs: jobs, idempotency, now } = parts;
  return { bus, store, jobs, idempotency, now, perTenant: config.bulkActionsPerTenant };
}

function schedulesOf({
  config,
  catalogue,
  schedules: store,
  tenantBucket,
  now,
}: Parts): SchedulesGroup['schedules'] {
  return {
    store,
    catalogue,
    now,
    perTenant: (tenantId) => tenantBucket.peek(tenantId)?.limits?.schedules ?? config.schedulesPerTenant,
    minEveryS: config.scheduleMinEveryS,
    actionsOf: (tenantId) => tenantBucket.peek(tenantId)?.actions,
    limits: orderLimitsOf(config),
  };
}

/** What options of runs may be. */
function orderLimitsOf(config: GatewayConfig): OrderLimits {
  return {
    maxLifeMs: config.jobMaxLifeHours * HOUR_MS,
    defaultLifeMs: config.jobDefaultLifeHours * HOUR_MS,
    urlRules: createUrlRules(config),
  };
}

function feedOf({ bus, config, catalogue, endings, reads, now, stopping }: Parts): FeedGroup['feed'] {
  return {
    bus,
    stopping,
    source: createFeed({ bus, table: endings, now, stopping, reads }),
    catalogue,
    now,
    maxLifeMs: config.jobMaxLifeHours * HOUR_MS,
    heartbeatMs: config.eventsHeartbeatMs,
  };
}

function webhooksOf(parts: Parts): WebhooksGroup['webhooks'] {
  const { bus, config, catalogue, endpoints, health, deliveries, replays, box, now } = parts;
  return {
    bus,
    catalogue,
    endpoints,
    health,
    deliveries,
    replays,
    box,
    now,
    urlRules: createUrlRules(config),
    endpointsOf: (tenantId) =>
      parts.tenantBucket.peek(tenantId)?.limits?.webhook_endpoints ?? config.webhookEndpointsPerTenant,
    testAllowance: createTestAllowance(config.webhookTestsPerMinute, now),
  };
}

function sessionOf({ config, sessions, codes, tokens, whoIs, now }: Parts): SessionGroup['session'] {
  const codesOf = `admin ${hash('sha256', config.adminKey, 'hex')}`;
  return { sessions, codes, codesOf, tokens, whoIs, now };
}

function portalOf({ config, portals, codes, tokens, now }: Parts): PortalGroup['portal'] {
  const { makeChild } = tokens;
  return { sessions: portals, codes, makeChild, perTenant: config.portalSessionsPerTenant, now };
}

function adminOf(parts: Parts): AdminGroup['admin'] {
  const { bus, catalogue, tenants, tenantBucket, keyRequests, executors, now } = parts;
  return { bus, catalogue, tenants, tenantBucket, keyRequests, executors, now };
}

function keysOf({ tokens, keys: stored, keyUses: uses, config, now }: Parts): KeysGroup['keys'] {
  return { makeChild: tokens.makeChild, stored, uses, perTenant: config.keysPerTenant, now };
}
