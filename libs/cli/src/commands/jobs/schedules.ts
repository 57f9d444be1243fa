import type { Schedule, ScheduleChange } from '@errand/client';
import { SCHEDULE_CATCH_UPS, SCHEDULE_OVERLAPS } from '@errand/contracts';
import { type Command, Option } from 'commander';
import { CannotRun } from '../../cannot-run.ts';
import { type Bind, tell, type World } from '../../command.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { previewText, scheduleText, timingText } from '../../output/schedule-text.ts';
import { table } from '../../output/text.ts';
import { relative } from '../../output/times.ts';
import {
  collectPair,
  readCount,
  readDuration,
  readJson,
  readName,
  readOneOrMore,
  readTime,
} from '../../settings/read-values.ts';

/** The most that the API gives at once. */
const MOST_A_PAGE = 200;

interface ChangeOptions extends Omit<ScheduleChange, 'input' | 'everyS' | 'spreadS'> {
  readonly input?: string;
  /** Milliseconds. */
  readonly every?: number;
  readonly spread?: number;
}

interface CreateOptions extends ChangeOptions {
  readonly externalId?: string;
  readonly paused?: true;
  readonly check?: true;
}

/** Jobs that are asked for by the clock: commands below `schedules`. */
export function addSchedules(program: Command, bind: Bind, now: () => number): void {
  const schedules = program.command('schedules').description('run actions by the clock');
  addChangeOptions(
    schedules
      .command('create')
      .description('make a schedule; the same name again makes no other')
      .argument('<action>', 'action name; errand actions lists them', readName)
      .option('--external-id <name>', 'a name of your choice'),
    now,
  )
    .option('--paused', 'it does not tick until it is resumed')
    .option('--check', 'show when it would tick, and make nothing')
    .action(bind(create));
  schedules
    .command('list')
    .description('list schedules')
    .option('--external-id <name>', 'only the one with this name')
    .option('--limit <count>', 'maximum number', readOneOrMore, 50)
    .action(bind(list));
  const about = (name: string, description: string) =>
    schedules.command(name).description(description).argument('<schedule_id>', 'the schedule', readName);
  about('show', 'show a schedule, and what became of its last tick').action(bind(show));
  about('preview', 'show when a schedule ticks next').action(bind(preview));
  addChangeOptions(about('change', 'change what is given'), now)
    .option('--action <action>', 'another action')
    .action(bind(change));
  about('pause', 'let it tick no more').action(bind(pause));
  about('resume', 'let it tick again').action(bind(resume));
  about('run', 'run its job now').action(bind(run));
  about('delete', 'remove a schedule; its jobs stay').action(bind(remove));
}

function addChangeOptions(command: Command, now: () => number): Command {
  const time = readTime(1, now);
  return command
    .option('--cron <expression>', 'minute, hour, day, month, weekday, such as "30 6 * * 1-5"')
    .option('--time-zone <name>', 'by whose clocks, such as Europe/Berlin; default: UTC')
    .option('--every <duration>', 'instead of --cron', readDuration)
    .option('--starts-at <time>', 'no tick before this: a time, or a duration from now', time)
    .option('--ends-at <time>', 'no tick after this', time)
    .option('--resource <name=value>', "a parameter of the action's path; repeatable", collectPair)
    .option('--input <json>', 'the input: JSON, @file, or - for stdin (default: {})')
    .option('--metadata <name=value>', 'of its jobs; repeatable', collectPair)
    .option('--start-by-s <seconds>', 'its jobs expire if no attempt has started by then', readCount)
    .option('--finish-by-s <seconds>', 'its jobs expire if they have not ended by then', readCount)
    .option('--priority <1-9>', 'of its jobs', readOneOrMore)
    .addOption(
      new Option('--overlap <what>', 'while the job of the tick before has not ended').choices(
        SCHEDULE_OVERLAPS,
      ),
    )
    .addOption(new Option('--catch-up <which>', 'of ticks that were missed').choices(SCHEDULE_CATCH_UPS))
    .option('--spread <duration>', 'its own moment within so long behind each tick', readDuration)
    .option('--description <text>', 'for people');
}

async function changeOf(world: World, options: ChangeOptions): Promise<ScheduleChange> {
  const { input, every, spread, ...rest } = options;
  return {
    ...rest,
    input: input === undefined ? undefined : ((await readJson(input, world.stdin, 'the input')) as object),
    everyS: seconds('--every', every),
    spreadS: seconds('--spread', spread),
  };
}

/** @throws CannotRun for parts of a second */
function seconds(option: string, ms: number | undefined): number | undefined {
  if (ms === undefined) return undefined;
  if (ms % 1_000 !== 0) throw new CannotRun(`${option} must be whole seconds`);
  return ms / 1_000;
}

async function create(world: World, options: CreateOptions, action = ''): Promise<ExitCode> {
  const { externalId, paused, check, ...rest } = options;
  const draft = { ...(await changeOf(world, rest)), action, externalId, paused };
  const { schedules } = await world.errand();
  const { signal } = world;
  if (check) {
    const found = await schedules.check(draft, { signal });
    tell(world, found, () => previewText(found));
    return 0;
  }
  return told(world, await schedules.create(draft, { signal }));
}

async function list(
  world: World,
  { externalId, limit }: { externalId?: string; limit: number },
): Promise<ExitCode> {
  const { signal } = world;
  const { schedules } = await world.errand();
  const found: Schedule[] = [];
  const pages = schedules.list({ externalId, pageSize: Math.min(limit, MOST_A_PAGE), signal });
  for await (const schedule of pages) {
    if (found.push(schedule) === limit) break;
  }
  const rows = found.map((each) => [
    ...[each.schedule_id, each.external_id, each.action, timingText(each)],
    each.paused ? 'paused' : relative(each.next_at, world.now()),
    each.last_tick?.outcome,
  ]);
  const head = ['SCHEDULE', 'NAME', 'ACTION', 'TICKS', 'NEXT', 'LAST'];
  tell(world, { schedules: found }, () => (rows.length === 0 ? 'no schedules' : table(head, rows)));
  return 0;
}

async function show(world: World, _: unknown, id = ''): Promise<ExitCode> {
  return told(world, await (await world.errand()).schedules.get(id, { signal: world.signal }));
}

async function preview(world: World, _: unknown, id = ''): Promise<ExitCode> {
  const found = await (await world.errand()).schedules.preview(id, { signal: world.signal });
  tell(world, found, () => previewText(found));
  return 0;
}

async function change(world: World, options: ChangeOptions, id = ''): Promise<ExitCode> {
  const { schedules } = await world.errand();
  return told(world, await schedules.change(id, await changeOf(world, options), { signal: world.signal }));
}

async function pause(world: World, _: unknown, id = ''): Promise<ExitCode> {
  return told(world, await (await world.errand()).schedules.pause(id, { signal: world.signal }));
}

async function resume(world: World, _: unknown, id = ''): Promise<ExitCode> {
  return told(world, await (await world.errand()).schedules.resume(id, { signal: world.signal }));
}

async function run(world: World, _: unknown, id = ''): Promise<ExitCode> {
  const job = await (await world.errand()).schedules.run(id, { signal: world.signal });
  tell(world, job, () => `job ${job.job_id}`);
  return 0;
}

async function remove(world: World, _: unknown, id = ''): Promise<ExitCode> {
  await (await world.errand()).schedules.delete(id, { signal: world.signal });
  tell(world, { deleted: id }, () => `${id} is gone`);
  return 0;
}

function told(world: World, schedule: Schedule): ExitCode {
  tell(world, schedule, () => scheduleText(schedule, world.now()));
  return 0;
}
