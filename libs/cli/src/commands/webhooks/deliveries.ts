import { setTimeout as sleep } from 'node:timers/promises';
import type { Delivery, DeliveryStatus, EndingType, Replay, ReplayKind } from '@errand/client';
import { type Command, Option } from 'commander';
import { CannotRun } from '../../cannot-run.ts';
import { type Bind, tell, type World } from '../../command.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { plain, table } from '../../output/text.ts';
import { local, relative } from '../../output/times.ts';
import {
  collectWords,
  ENDING_TYPES,
  listOption,
  readJobId,
  readName,
  readOneOrMore,
  readTime,
} from '../../settings/read-values.ts';

const STATUSES: readonly DeliveryStatus[] = ['pending', 'delivered', 'failed', 'expired', 'canceled'];

/** What was sent to whom, and sending it again: commands below `webhooks`. */
export function addDeliveries(webhooks: Command, bind: Bind, now: () => number): void {
  webhooks
    .command('deliveries')
    .description('list deliveries, newest first: of all endpoints, of one, or about a job')
    .argument('[endpoint_id]', 'only this endpoint; not with --of-job', readName)
    .option('--of-job <job_id>', 'all deliveries about this job', readJobId)
    .addOption(listOption('--status <names>', 'only these states', STATUSES))
    .option('--type <names>', 'event types, such as job.failed', collectWords)
    .option('--job <job_id>', 'only this job', readJobId)
    .option('--since <time>', 'start: a time, or a duration ago', readTime(-1, now))
    .option('--until <time>', 'end: a time, or a duration ago', readTime(-1, now))
    .option('--limit <count>', 'maximum number', readOneOrMore, 20)
    .action(bind(deliveries));
  const about = (name: string, description: string) =>
    webhooks.command(name).description(description).argument('<delivery_id>', 'the delivery', readName);
  about('attempts', 'list the attempts at a delivery, newest first').action(bind(attempts));
  about('redeliver', 'deliver again immediately').action(bind(redeliver));
  webhooks
    .command('replay')
    .description('resend the endings of jobs since a time to an endpoint')
    .argument('<endpoint_id>', 'the endpoint', readName)
    .requiredOption('--since <time>', 'start: a time, or a duration ago', readTime(-1, now))
    .option('--until <time>', 'end: a time, or a duration ago; default: now', readTime(-1, now))
    .addOption(
      new Option('--only <kind>', 'which').choices(['missed', 'failed', 'expired', 'all']).default('missed'),
    )
    .addOption(listOption('--types <names>', 'only these endings', ENDING_TYPES))
    .option('--dry-run', 'count only')
    .option('--wait', 'follow it until it ends')
    .action(bind(replay));
  webhooks
    .command('replays')
    .description('list the replays of an endpoint, newest first')
    .argument('<endpoint_id>', 'the endpoint', readName)
    .action(bind(replays));
  webhooks
    .command('cancel-replay')
    .description('cancel a replay; deliveries already scheduled continue')
    .argument('<endpoint_id>', 'the endpoint', readName)
    .argument('<replay_id>', 'the replay', readName)
    .action(bind(cancelReplay));
}

interface DeliveriesOptions {
  readonly ofJob?: string;
  readonly status?: DeliveryStatus[];
  readonly type?: string[];
  readonly job?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit: number;
}

async function deliveries(world: World, options: DeliveriesOptions, id?: string): Promise<ExitCode> {
  const { ofJob, limit, ...filter } = options;
  const { signal } = world;
  const { webhooks } = await world.errand();
  if (id !== undefined && ofJob !== undefined)
    throw new CannotRun('give an endpoint_id or --of-job <job_id>, not both');
  const found: Delivery[] = [];
  if (ofJob !== undefined) found.push(...(await webhooks.deliveriesOfJob(ofJob, { signal })));
  else {
    const wanted = { ...filter, pageSize: Math.min(limit, 200), signal };
    const pages = id === undefined ? webhooks.allDeliveries(wanted) : webhooks.deliveries(id, wanted);
    for await (const delivery of pages) if (found.push(delivery) === limit) break;
  }
  tell(world, { deliveries: found }, () =>
    found.length === 0 ? 'no deliveries' : tableOf(found, world.now()),
  );
  return 0;
}

function tableOf(found: readonly Delivery[], nowMs: number): string {
  const rows = found.map((each) => [
    ...[each.delivery_id, each.type, each.status, each.attempts, relative(each.created_at, nowMs)],
    relative(each.next_attempt_at, nowMs),
  ]);
  return table(['DELIVERY', 'TYPE', 'STATUS', 'ATTEMPTS', 'CREATED', 'NEXT ATTEMPT'], rows);
}

async function attempts(world: World, _: unknown, id = ''): Promise<ExitCode> {
  const found = await (await world.errand()).webhooks.attempts(id, { signal: world.signal });
  const rows = found.map((each) => [
    ...[each.number, local(each.started_at), `${each.duration_ms} ms`, each.status ?? each.error_code],
    ...[each.trigger, plain(each.response).slice(0, 60)],
  ]);
  tell(world, { attempts: found }, () =>
    rows.length === 0
      ? 'no attempts yet'
      : table(['ATTEMPT', 'STARTED', 'TOOK', 'ANSWER', 'TRIGGER', ''], rows),
  );
  return 0;
}

async function redeliver(world: World, _: unknown, id = ''): Promise<ExitCode> {
  const redelivery = await (await world.errand()).webhooks.redeliver(id, { signal: world.signal });
  tell(world, redelivery, () => `${redelivery.delivery_id} is due ${local(redelivery.due_at)}`);
  return 0;
}

interface ReplayOptions {
  readonly since: string;
  readonly until?: string;
  readonly only: ReplayKind;
  readonly types?: EndingType[];
  readonly dryRun?: true;
  readonly wait?: true;
}

const LOOK_MS = 500;
const ENDS = ['done', 'failed', 'canceled'];

/** With `wait` it is 1 unless the replay ends as done. */
async function replay(world: World, options: ReplayOptions, id = ''): Promise<ExitCode> {
  const { since, until, only, types, dryRun, wait } = options;
  const { signal } = world;
  const { webhooks } = await world.errand();
  const started = await webhooks.replay(id, { since, until, only, types, dryRun, signal });
  if (!wait) {
    tell(
      world,
      started,
      () => `replay ${started.replay_id} is running; errand webhooks replays ${id} shows its state`,
    );
    return 0;
  }
  for (;;) {
    const seen = await webhooks.getReplay(id, started.replay_id, { signal });
    if (ENDS.includes(seen.state)) {
      tell(world, seen, () => replayText(seen));
      return seen.state === 'done' ? 0 : 1;
    }
    await sleep(LOOK_MS, undefined, { signal });
  }
}

function replayText({ replay_id, state, dry_run, matched, scheduled, error }: Replay): string {
  const counts = dry_run ? `${matched} would be sent` : `${matched} found, ${scheduled} scheduled`;
  return `replay ${replay_id} ${state}: ${counts}${error ? ` (${plain(error)})` : ''}`;
}

async function replays(world: World, _: unknown, id = ''): Promise<ExitCode> {
  const found = await (await world.errand()).webhooks.replays(id, { signal: world.signal });
  const rows = found.map((each) => [
    ...[each.replay_id, each.dry_run ? `${each.state} (dry run)` : each.state, each.only],
    ...[local(each.since), each.matched, each.scheduled, each.error],
  ]);
  tell(world, { replays: found }, () =>
    rows.length === 0
      ? 'no replays'
      : table(['REPLAY', 'STATE', 'ONLY', 'SINCE', 'MATCHED', 'SCHEDULED', 'ERROR'], rows),
  );
  return 0;
}

async function cancelReplay(world: World, _: unknown, endpointId = '', replayId = ''): Promise<ExitCode> {
  const { webhooks } = await world.errand();
  await webhooks.cancelReplay(endpointId, replayId, { signal: world.signal });
  tell(world, { replay_id: replayId, canceled: true }, () => `canceled ${replayId}`);
  return 0;
}
