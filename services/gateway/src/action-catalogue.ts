import { type Bus, LogUnavailable, watchBucket } from '@errand/bus';
import { ActionContract, ActionName, BUCKETS } from '@errand/contracts';
import { compileSchema, type Validator } from '@errand/json-schema';
import type { Logger } from '@errand/runtime';
import { parseResourceTemplate, type ResourceTemplate } from './action-path.ts';
import { createLookup, type Lookup } from './lookup.ts';

/** An action as the gateway serves it, prepared once for all requests. */
export interface CatalogueEntry {
  readonly contract: ActionContract;
  readonly template: ResourceTemplate;
  /** Undefined for a schema that does not compile: such an action is known but cannot be run. */
  readonly validate: Validator | undefined;
}

export interface ActionCatalogue extends Lookup<CatalogueEntry>, Disposable {
  /** From memory only. */
  peek(name: string): CatalogueEntry | undefined;
  /** Sorted by name. */
  list(): CatalogueEntry[];
  /** Takes back what an executor has announced. */
  withdraw(name: string): Promise<void>;
}

/** Follows the contracts that executors announce. A contract is compiled when it arrives or changes. */
export async function openActionCatalogue(bus: Bus, log: Logger): Promise<ActionCatalogue> {
  const prepared = new Map<string, { text: string; entry: CatalogueEntry }>();

  function prepare(contract: ActionContract): CatalogueEntry {
    const text = JSON.stringify(contract);
    const known = prepared.get(contract.name);
    if (known?.text === text) return known.entry;
    const entry = {
      contract,
      template: parseResourceTemplate(contract.resource),
      validate: compile(contract, log),
    };
    prepared.set(contract.name, { text, entry });
    return entry;
  }

  const bucket = await watchBucket(bus.nc, BUCKETS.actions, ActionContract, (key, contract) => {
    if (contract?.name === key) prepare(contract);
    else prepared.delete(key);
  });
  const peek = (name: string) => prepared.get(name)?.entry;
  const lookup = createLookup({
    peek,
    async get(name) {
      if (!ActionName.safeParse(name).success) return undefined;
      if (!bus.isConnected()) throw new LogUnavailable('not connected');
      const contract = await bucket.get(name);
      return contract?.name === name ? prepare(contract) : undefined;
    },
  });
  return {
    find: lookup.find,
    peek,
    list: () =>
      [...prepared.values()]
        .map(({ entry }) => entry)
        .sort((a, b) => (a.contract.name < b.contract.name ? -1 : 1)),
    async withdraw(name) {
      await bucket.delete(name);
      prepared.delete(name);
    },
    [Symbol.dispose]: () => bucket.close(),
  };
}

function compile(contract: ActionContract, log: Logger): Validator | undefined {
  try {
    return compileSchema(contract.input_schema);
  } catch (err) {
    log.error({ err, action: contract.name, action_version: contract.version }, 'bad_contract');
    return undefined;
  }
}
