import { once } from 'node:events';
import { type Errand, ErrandError, type WebhookEventFilter } from '@errand/client';
import type { Command } from 'commander';
import { CannotRun } from '../cannot-run.ts';
import { type Bind, tell, type World } from '../command.ts';
import { CommandFailed, type ExitCode, inputErrorLine } from '../exit-codes.ts';
import { collectWords, readCount, readText } from '../read-values.ts';
import { type ReceivedCall, receiveWebhooks } from '../receive-webhooks.ts';
import { plain } from '../text.ts';
import { local } from '../times.ts';

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
    .description('receive webhooks on this machine, verify and show them')
    .option('--port <port>', 'to listen on; default: any that is free', readCount, 0)
    .option('--secret <secret>', 'that they are signed with, or @file, or -; once for each', collectWords)
    .option('--register', 'make an endpoint that calls this receiver, and delete it at the end')
    .option('--url <url>', 'with --register: where this receiver is called, if not at its own address')
    .option(
      '--event-types <names>',
      'with --register: such as job.failed; default: the four endings',
      collectWords,
    )
    .option('--forward-to <url>', 'pass verified calls on, and answer as they are answered there')
    .option('--count <calls>', 'end after so many verified calls', readCount)
    .action(bind(listen));
}

/** As JSON, a line for each call. Ends by Ctrl-C (130), or after so many calls. */
async function listen(world: World, options: ListenOptions): Promise<ExitCode> {
  const { port, register, forwardTo, count } = options;
  if (forwardTo !== undefined && !URL.canParse(forwardTo)) throw new CannotRun(`'${forwardTo}' is no URL`);
  const secrets = await Promise.all(
    (options.secret ?? []).map(async (each) => (await readText(each, world.stdin)).trim()),
  );
  if (secrets.length === 0 && !register) {
    throw new CannotRun('give --secret, to verify calls by, or --register, to have an endpoint made');
  }
  const enough = new AbortController();
  const ended = AbortSignal.any([world.signal, enough.signal]);
  let verifiedCalls = 0;
  await using receiver = await receiveWebhooks({
    ...{ port, forwardTo, secrets: () => secrets },
    onCall(call) {
      tellCall(world, call);
      if (call.verified.kind !== 'refused') verifiedCalls += 1;
      if (verifiedCalls === count) enough.abort();
    },
  });
  const errand = register ? await world.errand() : undefined;
  const endpointId =
    errand && (await registerAt(errand, { url: options.url ?? receiver.url, options, secrets }));
  try {
    world.say(
      `listening on ${receiver.url}${endpointId ? `, called by endpoint ${endpointId}` : ''}; Ctrl-C ends it`,
    );
    if (!ended.aborted) await once(ended, 'abort');
  } finally {
    if (errand && endpointId) {
      await errand.webhooks.delete(endpointId);
      world.say(`deleted endpoint ${endpointId}`);
    }
  }
  return world.signal.aborted ? 130 : 0;
}

async function registerAt(
  errand: Errand,
  { url, options, secrets }: { url: string; options: ListenOptions; secrets: string[] },
): Promise<string> {
  const { eventTypes, secret } = options;
  try {
    const endpoint = await errand.webhooks.create({
      ...{ url, description: 'errand listen' },
      ...(eventTypes && { event_types: eventTypes as WebhookEventFilter[] }),
      ...(secret && secrets[0] !== undefined && { signing_secret: secrets[0] }),
    });
    secrets.push(endpoint.signing_secret);
    return endpoint.endpoint_id;
  } catch (error) {
    const isUrl = error instanceof ErrandError && error.errors.some(({ pointer }) => pointer === '#/url');
    if (!isUrl) throw error;
    const lines = [
      `the gateway takes no endpoint at ${url}:`,
      ...error.errors.map(inputErrorLine),
      'Start it with ERRAND_WEBHOOKS_ALLOW_HTTP=true and ERRAND_WEBHOOKS_ALLOW_CIDRS=127.0.0.0/8 where it may call this',
      'machine, or give the https address of a tunnel to this receiver by --url.',
    ];
    throw new CommandFailed(3, lines, error);
  }
}

function tellCall(world: World, call: ReceivedCall): void {
  const { verified, answered, forwardError, method, path, body } = call;
  const at = new Date(world.now()).toISOString();
  tell(world, { received_at: at, method, path, ...verified, answered, forward_error: forwardError }, () => {
    const head = [local(at), verified.kind === 'refused' ? `REFUSED ${verified.code}` : 'verified'];
    const said =
      verified.kind === 'verified'
        ? [verified.event.type, JSON.stringify(verified.event.data)]
        : [`${method} ${path}`, body.slice(0, 200)];
    const answer = `answered ${answered}${forwardError === undefined ? '' : ` (${forwardError})`}`;
    return [...head, answer, ...said].map(plain).join('  ');
  });
}
