import { type Bus, LogUnavailable } from '@errand/bus';
import type { WebhookAnswer, WebhookCommand, WebhookRequest } from '@errand/contracts';
import { Refusal } from '../../http/problem.ts';
import type { Exchange } from '../../http/request-log.ts';

export interface AskDeps {
  readonly bus: { readonly commands: Pick<Bus['commands'], 'askWebhooks'> } & Pick<Bus, 'isConnected'>;
}

type Accepted<C extends WebhookCommand> = Exclude<WebhookAnswer<C>, { kind: 'refused' }>;

/**
 * Asks the webhooks service, and resolves with its answer if it is not a refusal. `c` is told why there is none.
 * @throws Refusal webhooks_unavailable, unknown_endpoint, unknown_delivery, unknown_replay, too_many_replays
 */
export async function askWebhooks<C extends WebhookCommand>(
  c: { readonly env: Pick<Exchange, 'reason'> },
  { bus }: AskDeps,
  asked: { command: C; request: WebhookRequest<C> },
): Promise<Accepted<C>> {
  // Without a connection the request would wait for as long as an answer may take.
  if (!bus.isConnected()) throw new LogUnavailable('not connected');
  const answer = await bus.commands.askWebhooks(asked.command, asked.request).catch((error: unknown) => {
    if (!(error instanceof LogUnavailable)) throw error;
    c.env.reason = error.message;
    throw new Refusal('webhooks_unavailable');
  });
  if (answer.kind !== 'refused') return answer as Accepted<C>;
  if (answer.code === 'invalid_request') throw new Error(`the webhooks service cannot read ${asked.command}`);
  throw new Refusal(answer.code);
}
