import type { EndpointDraft, WatchedEndpoint, WebhookEndpoint } from '@errand/client';
import type { Command } from 'commander';
import { CannotRun } from '../../cannot-run.ts';
import { type Bind, tell, type World } from '../../command.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { facts, pairs, table } from '../../output/text.ts';
import { local, relative, whenIs } from '../../output/times.ts';
import { type EndpointOptions, readEndpoint, withEndpointOptions } from '../../settings/endpoint-options.ts';
import { readDuration, readName, readText } from '../../settings/read-values.ts';
import { addDeliveries } from './deliveries.ts';

export function addWebhooks(program: Command, bind: Bind, now: () => number): void {
  const webhooks = program.command('webhooks').description('manage webhook endpoints');
  const about = (name: string, description: string) =>
    webhooks.command(name).description(description).argument('<endpoint_id>', 'the endpoint', readName);
  webhooks.command('list').description('list endpoints with their health').action(bind(list));
  withEndpointOptions(
    webhooks.command('create').description('create an endpoint; its signing secret is shown once'),
  ).action(bind(create));
  about('show', 'show an endpoint').action(bind(show));
  withEndpointOptions(about('update', 'change the given fields; null in --body removes one')).action(
    bind(update),
  );
  about('pause', 'stop calling an endpoint').action(bind(setting('pause', 'paused')));
  about('resume', 'resume calling, even after it was disabled').action(bind(setting('resume', 'resumed')));
  about('delete', 'delete an endpoint').action(bind(remove));
  about('rotate-secret', 'replace the signing secret; the old one stays valid for a while')
    .option('--signing-secret <secret>', 'whsec_…, or @file, or - for stdin; default: a random one')
    .option('--grace <duration>', 'how long the old one stays valid; default 24h', readDuration)
    .action(bind(rotate));
  about('test', 'send a test call').action(bind(tryOut));
  addDeliveries(webhooks, bind, now);
}

async function list(world: World): Promise<ExitCode> {
  const endpoints = await (await world.errand()).webhooks.list({ signal: world.signal });
  const rows = endpoints.map(({ endpoint_id, method, url, health, event_types }) => [
    ...[endpoint_id, health?.state ?? '', health ? pendingOf(health.backlog) : '', method, url],
    event_types.join(','),
  ]);
  tell(world, { webhooks: endpoints }, () =>
    rows.length === 0
      ? 'no webhooks'
      : table(['ENDPOINT', 'STATE', 'PENDING', 'METHOD', 'URL', 'EVENTS'], rows),
  );
  return 0;
}

async function create(world: World, options: EndpointOptions): Promise<ExitCode> {
  const draft = await readEndpoint(world, options);
  if (draft.url === undefined) throw new CannotRun('give --url, or a url in --body');
  const made = await (await world.errand()).webhooks.create(draft as EndpointDraft, { signal: world.signal });
  tell(world, made, () => `${endpointText(made)}\nsecret       ${made.signing_secret} (shown only once)`);
  return 0;
}

async function show(world: World, _: unknown, id = ''): Promise<ExitCode> {
  const endpoint = await (await world.errand()).webhooks.get(id, { signal: world.signal });
  tell(world, endpoint, () => watchedText(endpoint, world.now()));
  return 0;
}

async function update(world: World, options: EndpointOptions, id = ''): Promise<ExitCode> {
  const change = await readEndpoint(world, options);
  if (Object.keys(change).length === 0) throw new CannotRun('nothing to change: give an option or --body');
  const changed = await (await world.errand()).webhooks.change(id, change, { signal: world.signal });
  tell(world, changed, () => endpointText(changed));
  return 0;
}

function setting(verb: 'pause' | 'resume', past: string) {
  return async (world: World, _: unknown, id = ''): Promise<ExitCode> => {
    const endpoint = await (await world.errand()).webhooks[verb](id, { signal: world.signal });
    tell(world, endpoint, () => `${past} ${endpoint.endpoint_id}`);
    return 0;
  };
}

async function remove(world: World, _: unknown, id = ''): Promise<ExitCode> {
  await (await world.errand()).webhooks.delete(id, { signal: world.signal });
  tell(world, { endpoint_id: id, deleted: true }, () => `deleted ${id}`);
  return 0;
}

async function rotate(
  world: World,
  { signingSecret, grace }: { signingSecret?: string; grace?: number },
  id = '',
): Promise<ExitCode> {
  const errand = await world.errand();
  const rotated = await errand.webhooks.rotateSecret(id, await rotationOf(world, signingSecret, grace));
  tell(world, rotated, () => `${rotated.signing_secret} (shown only once)`);
  return 0;
}

/** Options of a rotation. */
export async function rotationOf(
  world: World,
  signingSecret: string | undefined,
  graceMs: number | undefined,
) {
  return {
    signingSecret:
      signingSecret === undefined ? undefined : (await readText(signingSecret, world.stdin)).trim(),
    graceS: graceMs === undefined ? undefined : Math.round(graceMs / 1_000),
    signal: world.signal,
  };
}

/** 1 if the call failed. */
async function tryOut(world: World, _: unknown, id = ''): Promise<ExitCode> {
  const trial = await (await world.errand()).webhooks.test(id, { signal: world.signal });
  tell(world, trial, () =>
    facts({
      outcome: trial.outcome,
      status: trial.status,
      error: trial.error_code,
      took: `${trial.duration_ms} ms`,
      response: trial.response,
    }),
  );
  return trial.outcome === 'delivered' ? 0 : 1;
}

function endpointText(endpoint: WebhookEndpoint): string {
  return facts({
    endpoint: endpoint.endpoint_id,
    url: `${endpoint.method} ${endpoint.url}`,
    description: endpoint.description,
    enabled: endpoint.enabled,
    events: endpoint.event_types.join(', '),
    actions: endpoint.actions?.join(', '),
    metadata: pairs(endpoint.metadata),
    include: endpoint.include?.join(', '),
    'max rps': endpoint.max_rps,
    concurrency: endpoint.max_concurrency,
    ends: local(endpoint.expires_at),
    'basic auth': endpoint.basic_auth?.username,
    headers: endpoint.secret_headers.map(({ name }) => name).join(', '),
    'signed with': endpoint.signing_secret_fingerprint,
  });
}

function watchedText(endpoint: WatchedEndpoint, nowMs: number): string {
  const { health } = endpoint;
  if (!health) return `${endpointText(endpoint)}\nhealth unknown: the database is unavailable`;
  const state = facts({
    state: `${health.state} ${health.disabled_reason ?? ''}`,
    'failing since': whenIs(health.failing_since, nowMs),
    'next probe': relative(health.next_probe_at, nowMs),
    'last success': whenIs(health.last_success_at, nowMs),
    'last failure': whenIs(health.last_failure_at, nowMs),
    pending: `${pendingOf(health.backlog)} ${health.backlog.oldest_at ? `since ${relative(health.backlog.oldest_at, nowMs)}` : ''}`,
  });
  return `${endpointText(endpoint)}\n\n${state}`;
}

function pendingOf({ pending, pending_is_capped }: { pending: number; pending_is_capped: boolean }): string {
  return `${pending}${pending_is_capped ? ' or more' : ''}`;
}
