import type { EndpointDraft } from '@errand/client';
import { type Command, Option } from 'commander';
import { CannotRun } from '../cannot-run.ts';
import type { World } from '../command.ts';
import { collectPair, collectWords, readCount, readJson, readText } from './read-values.ts';

/** The parts of an endpoint, as options. */
export interface EndpointOptions {
  readonly url?: string;
  readonly method?: 'POST' | 'GET';
  readonly description?: string;
  readonly eventTypes?: string[];
  readonly actions?: string[];
  readonly metadata?: Record<string, string>;
  readonly include?: string[];
  readonly maxRps?: number;
  readonly maxConcurrency?: number;
  readonly basicAuth?: string;
  readonly secretHeader?: Record<string, string>;
  readonly signingSecret?: string;
  readonly body?: string;
}

export function withEndpointOptions(command: Command): Command {
  return command
    .option('--url <url>', 'URL to call')
    .addOption(new Option('--method <method>', 'how').choices(['POST', 'GET']))
    .option('--description <text>')
    .option('--event-types <names>', 'such as job.failed,webhook.*; default: the four endings', collectWords)
    .option('--actions <names>', 'only jobs of these actions', collectWords)
    .option('--metadata <name=value>', 'only jobs with this metadata entry; repeatable', collectPair)
    .option('--include <names>', 'extra content of request bodies: results', collectWords)
    .option('--max-rps <count>', 'maximum attempts started per second', readCount)
    .option('--max-concurrency <count>', 'maximum attempts in progress at once', readCount)
    .option('--basic-auth <user:password>', 'or @file, or - for stdin')
    .option(
      '--secret-header <name=value>',
      'secret header to send; value may be @file; repeatable',
      collectPair,
    )
    .option('--signing-secret <secret>', 'whsec_…, or @file, or - for stdin; default: a random one')
    .option('--body <json>', 'request body as the API takes it, or @file, or -; options override it');
}

/** The members that were given, under the API's names. @throws CannotRun */
export async function readEndpoint(world: World, options: EndpointOptions): Promise<Partial<EndpointDraft>> {
  const { stdin } = world;
  const { maxRps, maxConcurrency, basicAuth, secretHeader, signingSecret, body } = options;
  const secret = async (value: string) => (await readText(value, stdin)).trimEnd();
  const base = body === undefined ? {} : await readJson(body, stdin, '--body');
  if (typeof base !== 'object' || base === null) throw new CannotRun('--body is not a JSON object');
  const headers = await Promise.all(
    Object.entries(secretHeader ?? {}).map(async ([name, value]) => [name, await secret(value)]),
  );
  const members = {
    url: options.url,
    method: options.method,
    description: options.description,
    event_types: options.eventTypes,
    actions: options.actions,
    metadata: options.metadata,
    include: options.include,
    max_rps: maxRps,
    max_concurrency: maxConcurrency,
    basic_auth: basicAuth === undefined ? undefined : readBasicAuth(await secret(basicAuth)),
    secret_headers: secretHeader && Object.fromEntries(headers),
    signing_secret: signingSecret === undefined ? undefined : await secret(signingSecret),
  };
  const given = Object.entries(members).filter(([, value]) => value !== undefined);
  return { ...base, ...Object.fromEntries(given) };
}

function readBasicAuth(text: string): { username: string; password: string } {
  const cut = text.indexOf(':');
  if (cut === -1) throw new CannotRun('--basic-auth must be user:password');
  return { username: text.slice(0, cut), password: text.slice(cut + 1) };
}
