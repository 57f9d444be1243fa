import type { Bus, WebhookHandlers } from '@errand/bus';
import { type Logger, repeat } from '@errand/runtime';
import type { Dispatcher } from './dispatch/dispatcher.ts';
import { type ReplayDeps, replayPage, startReplay } from './replays/replay.ts';
import { cancelReplay, redeliver } from './replays/replay-rows.ts';
import { sendTest } from './send-test.ts';
import type { Sending } from './sending/sender.ts';

/** How often due replays are looked for while there are some. */
const REPLAY_INTERVAL_MS = 250;
/** For so long after the last page, there are. */
const REPLAYING_MS = 10_000;

/** Answers what the service is asked to do, and works on replays, until disposed. */
export async function startCommands(
  deps: ReplayDeps & {
    bus: Bus;
    sending: Sending;
    found: Dispatcher['found'];
    lift: Dispatcher['lift'];
    log: Logger;
  },
): Promise<AsyncDisposable> {
  const { db, bus, endpoints, now, lifeMs, found, lift, log } = deps;
  const stopped = new AbortController();

  let replayedAt = Number.NEGATIVE_INFINITY;
  let begun = Promise.resolve();
  async function workOnReplays(): Promise<void> {
    while (!stopped.signal.aborted) {
      const replay = await replayPage(deps);
      if (!replay) return;
      replayedAt = performance.now();
      found([replay]);
    }
  }

  const onReplayError = (err: unknown) => log.error({ err }, 'replay_failed');
  const handlers: WebhookHandlers = {
    async test(request) {
      const tested = await sendTest(request, deps);
      if (tested.kind === 'attempted' && tested.outcome === 'delivered') {
        const endpoint = { tenantId: request.tenant_id, endpointId: request.endpoint_id };
        // The call was made, whether or not Postgres hears of it.
        await lift(endpoint).catch((err) => log.error({ err }, 'lift_failed'));
      }
      return tested;
    },
    async redeliver({ tenant_id, event_id, endpoint_id }) {
      const nowMs = now();
      const wanted = { tenantId: tenant_id, eventId: event_id, endpointId: endpoint_id };
      const row = await redeliver(db, { ...wanted, nowMs, expiresMs: nowMs + lifeMs });
      if (!row) return { kind: 'refused', code: 'unknown_delivery' };
      await lift({ tenantId: tenant_id, endpointId: endpoint_id });
      found([{ tenant_id, endpoint_id }]);
      return { kind: 'scheduled', attempts: row.attempts, due_at: new Date(nowMs).toISOString() };
    },
    async replay(request) {
      await endpoints.caughtUp();
      if (!endpoints.find(request.tenant_id, request.endpoint_id)) {
        return { kind: 'refused', code: 'unknown_endpoint' };
      }
      const replay_id = await startReplay(db, request, now());
      if (replay_id === undefined) return { kind: 'refused', code: 'too_many_replays' };
      begun = workOnReplays().catch(onReplayError);
      return { kind: 'started', replay_id };
    },
    cancel_replay: (request) => cancelReplay(db, request, now()),
  };
  const stopAnswering = await bus.commands.answerWebhooks(handlers, (err) =>
    log.error({ err }, 'command_failed'),
  );
  const replaying = repeat(workOnReplays, {
    everyMs: () => (performance.now() - replayedAt < REPLAYING_MS ? REPLAY_INTERVAL_MS : deps.retryMs),
    signal: stopped.signal,
    onError: onReplayError,
  });
  return {
    async [Symbol.asyncDispose]() {
      stopped.abort();
      stopAnswering();
      await Promise.all([replaying, begun]);
    },
  };
}
