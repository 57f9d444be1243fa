import { createTestDatabase, startTestNats, waitUntil } from '@errand/testkit';
import { EXAMPLE_PLACES } from '../../dev/repository.ts';
import { type Caller, createCaller } from '../e2e/caller.ts';
import { type System, startSystem } from '../e2e/system.ts';

/** A whole system, thrown away afterwards, and its document. */
export interface ContractSystem extends AsyncDisposable {
  readonly system: System;
  readonly caller: Caller;
  /** The text of /openapi.json with the actions of the executor. */
  readonly document: string;
}

export async function startContractSystem(tenantId: string): Promise<ContractSystem> {
  await using resources = new AsyncDisposableStack();
  const nats = resources.use(await startTestNats());
  const database = resources.use(await createTestDatabase());
  // Shortens the deliberate delay of verify; a call that takes longer counts as hanging.
  const settings = { ERRAND_VERIFY_SECOND_LOOK_MS: '1000' };
  const servers = { natsUrl: nats.url, databaseUrl: database.url };
  // Two actions: with more, ten thousand random requests do not reach each operation's success.
  const actions = { ERRAND_ACTIONS: EXAMPLE_PLACES[0] ?? '' };
  const system = resources.use(await startSystem(servers, { ...actions, ...settings }));
  const caller = resources.use(await createCaller(system, tenantId));
  const document = await waitUntil(async () => {
    const text = await (await fetch(`${system.url}/openapi.json`)).text();
    return text.includes('/proposal_pdf_generation/run') && text.includes('/performance_simulation/run')
      ? text
      : undefined;
  });
  const owned = resources.move();
  return { system, caller, document, [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose]() };
}
