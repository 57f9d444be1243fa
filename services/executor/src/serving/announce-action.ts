import type { Action } from '@errand/actions';
import type { Bus } from '@errand/bus';
import { EXECUTOR_PROTOCOL, type WorkSource } from '@errand/contracts';

/** The scheduler does not let this executor serve an action. */
class ActionRefused extends Error {
  override name = 'ActionRefused';
  readonly code: string;
  readonly retryable = true;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Says that this executor serves an action: from then on runs are taken. Resolves with the consumers that deliver them.
 * @throws LogUnavailable when no scheduler answers; ActionRefused
 */
export async function announceAction(
  bus: { readonly commands: Pick<Bus['commands'], 'askScheduler'> },
  { contract }: Action,
  { executorId, leaseMs }: { executorId: string; leaseMs: number },
): Promise<readonly WorkSource[]> {
  const answer = await bus.commands.askScheduler('announce', {
    executor_id: executorId,
    protocol: EXECUTOR_PROTOCOL,
    lease_ms: leaseMs,
    contract,
  });
  if (answer.kind === 'refused') throw new ActionRefused(answer.code, answer.message);
  return answer.sources;
}

/**
 * Takes an action's route away, unless another executor serves its contract.
 * @throws LogUnavailable when no scheduler answers
 */
export async function withdrawAction(
  bus: { readonly commands: Pick<Bus['commands'], 'askScheduler'> },
  { contract }: Action,
  executorId: string,
): Promise<void> {
  const { name: action, contract_id } = contract;
  await bus.commands.askScheduler('withdraw', { executor_id: executorId, action, contract_id });
}
