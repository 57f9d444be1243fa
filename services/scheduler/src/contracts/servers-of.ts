import type { Heartbeats } from '@errand/bus';
import { EXECUTOR_ALIVE_MS, type LiveContract } from '@errand/contracts';

/** Ids of the executors that serve a contract, sorted: by heartbeat, or since they have only just announced it. */
export function serversOf(
  { contract, announced_by, announced_at }: LiveContract,
  executors: Pick<Heartbeats, 'list' | 'hasLeft'>,
  nowMs: number,
): string[] {
  const { name, contract_id } = contract;
  const serving = executors
    .list()
    .filter(({ contracts }) =>
      contracts.some((each) => each.action === name && each.contract_id === contract_id),
    );
  const ids = new Set(serving.map(({ executor_id }) => executor_id));
  const isNew = nowMs - Date.parse(announced_at) < EXECUTOR_ALIVE_MS;
  if (isNew && !executors.hasLeft(announced_by)) ids.add(announced_by);
  return [...ids].sort();
}
