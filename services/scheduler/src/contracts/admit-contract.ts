import { isDeepStrictEqual } from 'node:util';
import {
  type ActionContract,
  type ActionRecord,
  type LiveContract,
  MAX_LIVE_CONTRACTS,
  RESERVED_ACTION_NAMES,
  type SchedulerAnswer,
} from '@errand/contracts';

/*
 * What becomes of an action's contracts when an executor announces one:
 *
 *   the announced contract …                           then
 *   has a name that the API's own paths begin with     refused
 *   has a known id and the same path and schemas       it is served, with what else it says now
 *   has a known id and others                          refused: one id, one meaning
 *   is new, at the path of those that others serve     it is served beside them: a rolling update
 *   is new, at another path, and others are served     refused: two actions have one name
 *   is new, and nobody else serves any                 it is served; contracts at other paths take no more runs
 *
 * A slot is one of the numbers of an action's four consumers, 0 to 3. A new contract takes a free one; where there is
 * none, a contract that no job needs any more gives up its own.
 */

export type Refused = Extract<SchedulerAnswer<'announce'>, { kind: 'refused' }>;
export type Admitted = { kind: 'admitted'; record: ActionRecord; freed: LiveContract | undefined };

export interface AdmissionContext {
  readonly executorId: string;
  readonly leaseMs: number;
  /** RFC 3339, by the clock of the log's server. */
  readonly now: string;
  /** Which executors that live serve a contract of the action. */
  readonly serversOf: (live: LiveContract) => readonly string[];
  /** Whether a contract has no job that has not ended. */
  readonly isDrained: (live: LiveContract) => boolean;
}

/** Pure. The record's new contract is `withdrawn` until `offer` says that its consumer is there. */
export function admitContract(
  stored: ActionRecord,
  contract: ActionContract,
  context: AdmissionContext,
): Admitted | Refused {
  const { executorId, leaseMs, now } = context;
  const { contracts } = stored;
  if (RESERVED_ACTION_NAMES.includes(contract.name)) {
    const message = `${contract.name} is a word of the API, so no action may have this name`;
    return { kind: 'refused', code: 'invalid_request', message };
  }
  const othersOf = (live: LiveContract) => context.serversOf(live).filter((id) => id !== executorId);
  const known = contracts.find((live) => live.contract.contract_id === contract.contract_id);
  if (known && !isSameContract(known.contract, contract)) {
    const message = `the contract id ${contract.contract_id} of ${contract.name} belongs to another path or other schemas`;
    return { kind: 'refused', code: 'other_content', message };
  }
  for (const live of contracts) {
    const others = othersOf(live);
    if (live.withdrawn || live.contract.resource === contract.resource || others.length === 0) continue;
    const at = [live.contract.resource, contract.name].filter((part) => part !== '').join('/');
    const message = `the name ${contract.name} is taken: ${others.join(', ')} ${others.length === 1 ? 'serves' : 'serve'} it at ${at}`;
    return { kind: 'refused', code: 'other_path', message };
  }
  const others = contracts
    .filter((live) => live !== known)
    .map((live) => (live.contract.resource === contract.resource ? live : { ...live, withdrawn: true }));
  const announced = {
    contract,
    lease_ms: leaseMs,
    announced_by: executorId,
    announced_at: now,
    unserved_since: null,
  };
  if (known) {
    return {
      kind: 'admitted',
      record: { ...stored, contracts: [...others, { ...known, ...announced }] },
      freed: undefined,
    };
  }
  const freed =
    others.length < MAX_LIVE_CONTRACTS
      ? undefined
      : others.find((live) => othersOf(live).length === 0 && context.isDrained(live));
  const kept = others.filter((live) => live.contract.contract_id !== freed?.contract.contract_id);
  const slot = [0, 1, 2, 3].find((each) => kept.every((live) => live.slot !== each));
  if (slot === undefined) {
    const message = `${contract.name} has ${MAX_LIVE_CONTRACTS} contracts with unfinished jobs already`;
    return { kind: 'refused', code: 'too_many_contracts', message };
  }
  const added = { ...announced, slot, first_announced_at: now, withdrawn: true };
  return { kind: 'admitted', record: { ...stored, contracts: [...kept, added] }, freed };
}

function isSameContract(a: ActionContract, b: ActionContract): boolean {
  return (
    a.resource === b.resource &&
    isDeepStrictEqual(a.input_schema, b.input_schema) &&
    isDeepStrictEqual(a.result_schema, b.result_schema)
  );
}
