import { setTimeout as sleep } from 'node:timers/promises';
import { type Errand, ErrandError, type WebhookEventFilter } from '@errand/client';
import type { Command } from 'commander';
import { CannotRun } from '../../cannot-run.ts';
import { type Bind, tell, type World } from '../../command.ts';
import { CommandFailed, type ExitCode, inputErrorLine } from '../../output/exit-codes.ts';
import { plain, shellWord } from '../../output/text.ts';
import { local } from '../../output/times.ts';
import { collectWords, readOneOrMore, readPort, readText } from '../../settings/read-values.ts';
import { type ReceivedCall, receiveWebhooks } from './receive-webhooks.ts';

/** The endpoint of a listener that was killed, or whose machine was switched off, expires by itself. */
const EXPIRES_IN_S = 120;
const RENEW_MS = 30_000;

interface ListenOptions {
  readonly port: number;
  readonly secret?: string[];
  readonly forwardTo?: string;
  readonly register?: true;
  readonly url?: string;
  readonly eventTypes?: string[];
  readonly count?: number;
}

export function addListen(program: Command, bind: Bind): void {
  program
    .command('listen')
    .description('receive, verify and show webhooks on this machine')
    .option('--port <port>', 'port to listen on; default: a free one', readPort, 0)
    .option('--secret <secret>', 'secret of another endpoint, or @file, or -; repeatable', collectWords)
    .option('--register', 'create an endpoint for this receiver and delete it at the end; default')
    .option('--url <url>', 'public URL of this receiver, if not its own address')
    .option(
      '--event-types <names>',
      'event types such as job.failed; default: the four endings',
      collectWords,
    )
    .option('--forward-to <url>', 'forward verified calls and return the answer')
    .option('--count <calls>', 'exit after this many verified calls', readOneOrMore)
    .action(bind(listen));
}

/**
 * Creates its own endpoint unless it is given the secrets of others. With JSON, one line holds all of each call. Ends
 * by Ctrl-C (130), or after the given number of calls.
 */
async function listen(world: World, options: ListenOptions): Promise<ExitCode> {
  const { port, forwardTo, count } = options;
  if (forwardTo !== undefined && !URL.canParse(forwardTo)) throw new CannotRun(`'${forwardTo}' is not a URL`);
  const secrets = await Promise.all(
    (options.secret ?? []).map(async (each) => (await readText(each, world.stdin)).trim()),
  );
  const isRegistered = options.register ?? secrets.length === 0;
  const enough = new AbortController();
  const ended = AbortSignal.any([world.signal, enough.signal]);
  let verifiedCalls = 0;
  await using receiver = await receiveWebhooks({
    port,
    forwardTo,
    secrets: () => secrets,
    onCall(call) {
      tellCall(world, call);
      if (call.verified.kind !== 'refused') verifiedCalls += 1;
      if (verifiedCalls === count) enough.abort();
    },
  });
  const errand = isRegistered ? await world.errand() : undefined;
  const register =
    errand && (() => registerAt(errand, { url: options.url ?? receiver.url, options, secrets }));
  let endpointId = await register?.();
  const calledBy = endpointId ? `, called by endpoint ${endpointId}` : '';
  world.say(`listening on ${receiver.url}${calledBy}; press Ctrl-C to stop`);
  if (endpointId) world.say(`to try it: errand webhooks test ${shellWord(endpointId)}`);
  try {
    while (!ended.aborted) {
      await sleep(RENEW_MS, undefined, { signal: ended }).catch(() => {});
      if (ended.aborted || !errand || !register || !endpointId) continue;
      const outcome = await renew(errand, endpointId, ended);
      if (outcome === 'failed') world.say('the endpoint could not be renewed; it expires if this continues');
      if (outcome !== 'gone') continue;
      endpointId = await register();
      world.say(
        `the endpoint expired, perhaps while this machine slept; now called by endpoint ${endpointId}`,
      );
    }
  } finally {
    if (errand && endpointId) {
      await errand.webhooks.delete(endpointId);
      world.say(`deleted endpoint ${endpointId}`);
    }
  }
  return world.signal.aborted ? 130 : 0;
}

/** Postpones the endpoint's expiry. */
async function renew(
  errand: Errand,
  endpointId: string,
  signal: AbortSignal,
): Promise<'renewed' | 'gone' | 'failed'> {
  try {
    await errand.webhooks.change(endpointId, { expires_in_s: EXPIRES_IN_S }, { signal });
    return 'renewed';
  } catch (error) {
    return error instanceof ErrandError && error.code === 'unknown_endpoint' ? 'gone' : 'failed';
  }
}

async function registerAt(
  errand: Errand,
  { url, options, secrets }: { url: string; options: ListenOptions; secrets: string[] },
): Promise<string> {
  const { eventTypes, secret } = options;
  try {
    const endpoint = await errand.webhooks.create({
      url,
      description: 'errand listen',
      expires_in_s: EXPIRES_IN_S,
      ...(eventTypes && { event_types: eventTypes as WebhookEventFilter[] }),
      ...(secret && secrets[0] !== undefined && { signing_secret: secrets[0] }),
    });
    secrets.push(endpoint.signing_secret);
    return endpoint.endpoint_id;
  } catch (error) {
    const isUrl = error instanceof ErrandError && error.errors.some(({ pointer }) => pointer === '#/url');
    if (!isUrl) throw error;
    const lines = [
      `the gateway refused an endpoint at ${url}:`,
      ...error.errors.map(inputErrorLine),
      'If it may call this machine, start it with ERRAND_WEBHOOKS_ALLOW_HTTP=true and ERRAND_WEBHOOKS_ALLOW_CIDRS=127.0.0.0/8,',
      'or pass the https address of a tunnel to this receiver as --url.',
    ];
    throw new CommandFailed(3, lines, error);
  }
}

function tellCall(world: World, call: ReceivedCall): void {
  const { verified, answered, forwardError, method, path } = call;
  const at = new Date(world.now()).toISOString();
  const json = { received_at: at, method, path, ...verified, answered, forward_error: forwardError };
  tell(world, json, () => plain([local(at), ...lineOf(call)].join('  ')));
}

/** What the call is about, whether it is verified, and what was answered. */
function lineOf({ verified, answered, forwardError, method, path }: ReceivedCall): string[] {
  const answer = `answered ${answered}${forwardError === undefined ? '' : ` (${forwardError})`}`;
  if (verified.kind === 'refused') return [`${method} ${path}`, `REFUSED ${verified.code}`, answer];
  if (verified.kind !== 'verified') return [`${method} ${path}`, 'verified', answer];
  const { type, data } = verified.event;
  const { job_id, status } = data as { job_id?: string; status?: string };
  const about = [type, job_id ?? '', status ?? ''].filter((part) => part !== '');
  return [...about, 'verified', answer];
}
