import { KEY_SCOPES, PORTAL_THEMES } from '@errand/contracts';
import { type Command, Option } from 'commander';
import { type Bind, tell, type World } from '../../command.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { pairs, table } from '../../output/text.ts';
import { local } from '../../output/times.ts';
import { collectPair, collectWords, listOption, readDuration } from '../../settings/read-values.ts';

interface CreateOptions {
  readonly scopes: string[];
  readonly metadata?: Record<string, string>;
  readonly ttl?: number;
  readonly frameAncestors?: string[];
  readonly theme?: (typeof PORTAL_THEMES)[number];
}

export function addPortal(program: Command, bind: Bind): void {
  const portal = program.command('portal').description("pages that show a tenant's customer their jobs");
  portal
    .command('create')
    .description('make a portal session; its link opens it once, within 10 minutes')
    .addOption(
      listOption('--scopes <list>', 'all that the customer may do', KEY_SCOPES).makeOptionMandatory(),
    )
    .option('--metadata <name=value>', 'only jobs with this metadata entry; repeatable', collectPair)
    .option('--ttl <duration>', 'for how long; default: an hour', readDuration)
    .option('--frame-ancestors <origins>', 'origins whose pages may frame it; default: none', collectWords)
    .addOption(new Option('--theme <theme>', 'how it looks').choices(PORTAL_THEMES))
    .action(bind(create));
  portal.command('list').description('list portal sessions that have not ended').action(bind(list));
  portal
    .command('revoke')
    .argument('<session_id>')
    .description('end a portal session, wherever it is open')
    .action(bind(revoke));
}

async function create(
  world: World,
  { scopes, metadata, ttl, frameAncestors, theme }: CreateOptions,
): Promise<ExitCode> {
  const { portal } = await world.errand();
  const made = await portal.create({
    scopes,
    ...(metadata === undefined ? {} : { metadataFilter: metadata }),
    ...(ttl === undefined ? {} : { ttlMs: ttl }),
    ...(frameAncestors === undefined ? {} : { frameAncestors }),
    ...(theme === undefined ? {} : { theme }),
    signal: world.signal,
  });
  const { url } = await world.settings();
  const base = url?.value.replace(/\/+$/, '') ?? '';
  tell(
    world,
    made,
    () =>
      `${base}${made.path}\nopens once, until ${local(made.code_expires_at)}; ends ${local(made.expires_at)}`,
  );
  return 0;
}

async function list(world: World): Promise<ExitCode> {
  const sessions = await (await world.errand()).portal.list({ signal: world.signal });
  const rows = sessions.map(({ session_id, scopes, metadata_filter, expires_at }) => [
    session_id,
    scopes.join(','),
    pairs(metadata_filter),
    local(expires_at),
  ]);
  const head = ['SESSION', 'SCOPES', 'METADATA', 'ENDS'];
  tell(world, { portal_sessions: sessions }, () =>
    rows.length === 0 ? 'no portal sessions' : table(head, rows),
  );
  return 0;
}

async function revoke(world: World, _: unknown, sessionId = ''): Promise<ExitCode> {
  await (await world.errand()).portal.revoke(sessionId, { signal: world.signal });
  tell(world, { revoked: sessionId }, () => `${sessionId} is over`);
  return 0;
}
