import type { Bus, Heartbeats } from '@errand/bus';
import {
  ActionName,
  ActionRecord,
  EXECUTOR_PROTOCOL,
  executorConsumer,
  executorConsumerName,
  JOBS_STREAM,
  type LiveContract,
  type SchedulerAnswer,
  type SchedulerRequest,
  type WorkSource,
} from '@errand/contracts';
import type { Logger } from '@errand/runtime';
import { z } from 'zod';
import { type Admitted, admitContract, type Refused } from './admit-contract.ts';
import { serversOf } from './servers-of.ts';

export interface ContractRegistry extends Disposable {
  /** An executor begins to serve a contract: its consumer is there and runs are taken when this resolves. */
  announce(request: SchedulerRequest<'announce'>): Promise<SchedulerAnswer<'announce'>>;
  /** A contract takes no more runs, unless another executor serves it. */
  withdraw(request: SchedulerRequest<'withdraw'>): Promise<SchedulerAnswer<'withdraw'>>;
  /** Notes which contracts nobody serves any more, and forgets those that no job needs. @throws LogUnavailable */
  sweep(): Promise<void>;
  /** What is known of an action, from memory. */
  peek(action: string): ActionRecord | undefined;
}

interface RegistryDeps {
  readonly bus: Bus;
  readonly executors: Pick<Heartbeats, 'list' | 'hasLeft'>;
  readonly log: Logger;
  /** Unix milliseconds by the clock of the log's server. */
  readonly now: () => number;
  /** How many jobs of a contract have not ended; undefined while that is not known. */
  readonly openJobsOf: (action: string, contractId: string) => number | undefined;
  /** Told when an action's record has changed. */
  readonly onChanged: (action: string) => void;
  /** Told of an action that an executor of version 1 of the protocol has announced. */
  readonly onOldExecutor: (action: string) => void;
}

const VersionOne = z.object({ name: ActionName, input_schema: z.object() });

/** A gateway may take runs of a contract for so long after it was withdrawn. */
const CATALOGUE_LAG_MS = 10_000;
/** Room in a message beside a record. */
const MESSAGE_MARGIN_BYTES = 1_024;

/**
 * Keeps which contracts actions have. Any number of schedulers may do so: each change is made on the record that it was
 * decided on, and made anew where another one was faster.
 */
export async function openRegistry(deps: RegistryDeps): Promise<ContractRegistry> {
  const { bus, executors, log, now, openJobsOf, onOldExecutor } = deps;
  const bucket = await bus.buckets.watchRecorded('action', { safeParse: read }, deps.onChanged);
  const own = bucket.by('scheduler');
  /** What does not fit may have been written by an executor of version 1, which announced itself. */
  function read(json: unknown) {
    const record = ActionRecord.safeParse(json);
    const old = record.success ? undefined : VersionOne.safeParse(json).data;
    if (old) onOldExecutor(old.name);
    return record;
  }
  const iso = () => new Date(now()).toISOString();
  const isDrained = ({ contract }: LiveContract) => openJobsOf(contract.name, contract.contract_id) === 0;

  async function admit(request: SchedulerRequest<'announce'>): Promise<Admitted | Refused> {
    const { contract, executor_id: executorId, lease_ms: leaseMs } = request;
    const maxBytes = bus.maxMessageBytes() - MESSAGE_MARGIN_BYTES;
    let outcome: Admitted | Refused | undefined;
    await bucket.by(`executor:${executorId}`).upsert(contract.name, (stored = { contracts: [] }) => {
      outcome = admitContract(stored, contract, {
        executorId,
        leaseMs,
        now: iso(),
        serversOf: (live) => serversOf(live, executors, now()),
        isDrained,
      });
      if (outcome.kind === 'refused') return stored;
      const bytes = Buffer.byteLength(JSON.stringify(outcome.record));
      if (bytes <= maxBytes) return outcome.record;
      const message = `the contracts of ${contract.name} take ${bytes} bytes in total; a message holds ${maxBytes}`;
      outcome = { kind: 'refused', code: 'too_large', message };
      return stored;
    });
    if (!outcome) throw new Error('no decision was made');
    return outcome;
  }

  async function announce(request: SchedulerRequest<'announce'>): Promise<SchedulerAnswer<'announce'>> {
    const { contract, protocol } = request;
    const { name, contract_id: contractId } = contract;
    if (protocol !== EXECUTOR_PROTOCOL) {
      const message = `this system speaks version ${EXECUTOR_PROTOCOL} of the executor protocol, not ${protocol}`;
      return { kind: 'refused', code: 'old_protocol', message };
    }
    const admitted = await admit(request);
    if (admitted.kind === 'refused') {
      log.warn({ action: name, contract_id: contractId, ...admitted }, 'contract_refused');
      return admitted;
    }
    const live = admitted.record.contracts.find((each) => each.contract.contract_id === contractId);
    if (!live) throw new Error('the contract is not in its record');
    if (admitted.freed) await remove(name, admitted.freed);
    await provision(live);
    const record = await change(name, contractId, (each) =>
      each.withdrawn ? { ...each, withdrawn: false } : each,
    );
    if (live.withdrawn)
      log.info({ action: name, contract_id: contractId, slot: live.slot }, 'contract_offered');
    return { kind: 'admitted', sources: sourcesOf(record, request) };
  }

  const remove = (action: string, { slot }: LiveContract) =>
    bus.consumers.remove({ stream: JOBS_STREAM, name: executorConsumerName(action, slot) });
  const provision = ({ contract, slot, lease_ms: leaseMs }: LiveContract) =>
    bus.consumers.provision(
      executorConsumer(contract.name, { slot, contractId: contract.contract_id, leaseMs }),
    );

  function sourcesOf(
    record: ActionRecord | undefined,
    { contract }: SchedulerRequest<'announce'>,
  ): WorkSource[] {
    const taken = [contract.contract_id, ...contract.accepts];
    return (record?.contracts ?? [])
      .filter((live) => taken.includes(live.contract.contract_id))
      .map((live) => ({
        consumer: executorConsumerName(contract.name, live.slot),
        contract_id: live.contract.contract_id,
        result_schema: live.contract.result_schema,
      }));
  }

  /** Changes one contract of a record, if it is there. */
  function change(action: string, contractId: string, make: (live: LiveContract) => LiveContract) {
    return own.change(action, (stored) => {
      const contracts = stored.contracts.map((live) =>
        live.contract.contract_id === contractId ? make(live) : live,
      );
      return contracts.every((live, place) => live === stored.contracts[place])
        ? stored
        : { ...stored, contracts };
    });
  }

  async function withdraw(request: SchedulerRequest<'withdraw'>): Promise<SchedulerAnswer<'withdraw'>> {
    const { executor_id: executorId, action, contract_id: contractId } = request;
    let others: string[] = [];
    await change(action, contractId, (live) => {
      others = serversOf(live, executors, now()).filter((id) => id !== executorId);
      return others.length > 0
        ? live
        : { ...live, withdrawn: true, unserved_since: live.unserved_since ?? iso() };
    });
    return others.length > 0 ? { kind: 'kept', executors: others } : { kind: 'withdrawn' };
  }

  /** Whether no executor will ask for it, no gateway take a run of it, and none of its jobs be begun again. */
  function isOver(live: LiveContract, record: ActionRecord): boolean {
    if (live.unserved_since === null || !isDrained(live)) return false;
    if (now() - Date.parse(live.unserved_since) < CATALOGUE_LAG_MS) return false;
    const isReplaced = record.contracts.some(
      (other) => other !== live && !other.withdrawn && other.unserved_since === null,
    );
    return live.withdrawn || isReplaced;
  }

  async function sweepRecord(action: string, record: ActionRecord): Promise<void> {
    for (const live of record.contracts) {
      const { contract_id: contractId } = live.contract;
      const isServed = serversOf(live, executors, now()).length > 0;
      if (isServed !== (live.unserved_since === null)) {
        log[isServed ? 'info' : 'warn'](
          { action, contract_id: contractId },
          isServed ? 'contract_served' : 'contract_unserved',
        );
        const since = isServed ? null : iso();
        await change(action, contractId, (each) => ({ ...each, unserved_since: since }));
      } else if (isOver(live, record)) await forget(action, live);
    }
  }

  /** The consumer goes first: once the record is without the contract, its slot may be another one's. */
  async function forget(action: string, live: LiveContract): Promise<void> {
    const { contract_id: contractId } = live.contract;
    await remove(action, live);
    let isForgotten = false;
    const record = await own.change(action, (stored) => {
      const found = stored.contracts.find((each) => each.contract.contract_id === contractId);
      // It was announced again meanwhile.
      isForgotten = found?.announced_at === live.announced_at;
      if (!isForgotten) return stored;
      return { ...stored, contracts: stored.contracts.filter((each) => each !== found) };
    });
    if (isForgotten) log.info({ action, contract_id: contractId }, 'contract_forgotten');
    const again = record?.contracts.find((each) => each.contract.contract_id === contractId);
    if (again) await provision(again);
  }

  return {
    announce,
    withdraw,
    async sweep() {
      for (const [action, record] of [...bucket.entries()]) await sweepRecord(action, record);
    },
    peek: bucket.peek,
    [Symbol.dispose]: () => bucket.close(),
  };
}
