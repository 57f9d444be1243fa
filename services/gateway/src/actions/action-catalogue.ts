import { isDeepStrictEqual } from 'node:util';
import { type Bus, LogUnavailable } from '@errand/bus';
import {
  type ActionContract,
  ActionName,
  ActionRecord,
  currentContract,
  type LiveContract,
} from '@errand/contracts';
import { compileSchema, type Validator } from '@errand/json-schema';
import type { Logger } from '@errand/runtime';
import { parseResourceTemplate, type ResourceTemplate } from './action-path.ts';
import { createLookup, type Lookup } from './lookup.ts';

/** An action as the gateway serves it, by the contract that runs are taken under; prepared once for all requests. */
export interface CatalogueEntry {
  readonly contract: ActionContract;
  readonly template: ResourceTemplate;
  /** Undefined for a schema that does not compile: such an action is known but cannot be run. */
  readonly validate: Validator | undefined;
  /** All live contracts, this one included: there are several while executors are replaced. */
  readonly contracts: readonly LiveContract[];
  /** Since when no executor serves the contract (RFC 3339); null while one does. */
  readonly unservedSince: string | null;
}

/** For handlers that answer with actions. */
export interface ActionsGroup {
  readonly actions: { readonly catalogue: ActionCatalogue };
}

export interface ActionCatalogue extends Lookup<CatalogueEntry>, Disposable {
  /** From memory only. */
  peek(name: string): CatalogueEntry | undefined;
  /** Sorted by name. */
  list(): CatalogueEntry[];
  /** The contract that a job was taken under, if it is still live; from memory only. */
  contractOf(name: string, contractId: string | undefined): LiveContract | undefined;
  /** The same, asked of the log where memory does not know it. @throws LogUnavailable */
  findContract(name: string, contractId: string | undefined): Promise<LiveContract | undefined>;
  /** Whether none of its jobs begins; from memory only. */
  isPaused(name: string): boolean;
  /** Lets no more jobs of an action begin, or lets them again; false for an unknown action. @throws LogUnavailable */
  setPaused(name: string, isPaused: boolean, actor: string): Promise<boolean>;
  /**
   * Takes an action's route away. Resolves with the executors that serve it, and which keep it.
   * @throws LogUnavailable
   */
  withdraw(
    name: string,
    actor: string,
  ): Promise<{ kind: 'withdrawn' } | { kind: 'served'; contracts: LiveContract[] }>;
}

/** Follows the contracts that executors announce. A contract is compiled when it arrives or changes. */
export async function openActionCatalogue(bus: Bus, log: Logger): Promise<ActionCatalogue> {
  const entries = new Map<string, CatalogueEntry>();

  function prepare(name: string, record: ActionRecord | undefined): CatalogueEntry | undefined {
    const current = currentContract(record);
    if (!record || !current || current.contract.name !== name) {
      entries.delete(name);
      return undefined;
    }
    const { contract, unserved_since: unservedSince } = current;
    const known = entries.get(name);
    const isKnown = isDeepStrictEqual(known?.contract, contract);
    const prepared =
      known && isKnown
        ? known
        : { contract, template: parseResourceTemplate(contract.resource), validate: compile(contract, log) };
    const entry = { ...prepared, contracts: record.contracts, unservedSince };
    entries.set(name, entry);
    return entry;
  }

  const bucket = await bus.buckets.watchRecorded(
    'action',
    ActionRecord,
    (name, record) => void prepare(name, record),
  );
  const peek = (name: string) => entries.get(name);
  const lookup = createLookup({
    peek,
    async get(name) {
      if (!ActionName.safeParse(name).success) return undefined;
      if (!bus.isConnected()) throw new LogUnavailable('not connected');
      return prepare(name, await bucket.get(name));
    },
  });
  const among = (record: ActionRecord | undefined, contractId: string | undefined) =>
    record?.contracts.find((live) => live.contract.contract_id === contractId);
  return {
    find: lookup.find,
    peek,
    list: () => [...entries.values()].sort((a, b) => (a.contract.name < b.contract.name ? -1 : 1)),
    contractOf: (name, contractId) => among(bucket.peek(name), contractId),
    findContract: async (name, contractId) =>
      among(bucket.peek(name), contractId) ?? among(await bucket.get(name), contractId),
    async withdraw(name, actor) {
      let serving: LiveContract[] = [];
      const record = await bucket.by(actor).change(name, (stored) => {
        serving = stored.contracts.filter(
          ({ withdrawn, unserved_since }) => !withdrawn && unserved_since === null,
        );
        if (serving.length > 0) return stored;
        return { ...stored, contracts: stored.contracts.map((live) => ({ ...live, withdrawn: true })) };
      });
      if (serving.length > 0) return { kind: 'served', contracts: serving };
      prepare(name, record);
      return { kind: 'withdrawn' };
    },
    isPaused: (name) => bucket.peek(name)?.paused === true,
    async setPaused(name, isPaused, actor) {
      const record = await bucket
        .by(actor)
        .change(name, ({ paused: _, ...stored }) => (isPaused ? { ...stored, paused: true } : stored));
      return record !== undefined;
    },
    [Symbol.dispose]: () => bucket.close(),
  };
}

/** Actions of which several contracts are live, while executors are replaced by others: their contracts' ids, newest last. */
export function replacedActions(catalogue: Pick<ActionCatalogue, 'list'>): Record<string, string[]> {
  const replaced = catalogue.list().filter(({ contracts }) => contracts.length > 1);
  return Object.fromEntries(
    replaced.map(({ contract, contracts }) => [
      contract.name,
      contracts.map((live) => live.contract.contract_id),
    ]),
  );
}

function compile(contract: ActionContract, log: Logger): Validator | undefined {
  try {
    return compileSchema(contract.input_schema);
  } catch (err) {
    log.error({ err, action: contract.name, action_version: contract.version }, 'bad_contract');
    return undefined;
  }
}
