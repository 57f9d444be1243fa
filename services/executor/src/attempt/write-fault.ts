import { EventTooLarge, LogFull } from '@errand/bus';
import { FAULT_CODES, JobFault } from '@errand/contracts';
import type { Command } from '@errand/domain';
import type { JobWriter, WriteOutcome } from './job-writer.ts';

/**
 * Writes the event that a fault leads to, so that every reader can read it: without its details where the server takes
 * no message that large or the log has no room, and as `action_failed` where it does not fit its schema, as a thread may say anything.
 * @throws LogUnavailable once the writer's signal has fired
 */
export async function writeFault(
  writer: Pick<JobWriter, 'write'>,
  fault: JobFault,
  commandOf: (error: JobFault) => Command,
): Promise<WriteOutcome> {
  const general = { code: 'action_failed', message: FAULT_CODES.action_failed };
  const error: JobFault = JobFault.safeParse(fault).data ?? general;
  try {
    return await writer.write(commandOf(error), { persist: true, unlessFull: error.details !== undefined });
  } catch (thrown) {
    if (!(thrown instanceof EventTooLarge) && !(thrown instanceof LogFull)) throw thrown;
    const { code, message } = error;
    return writer.write(commandOf({ code, message }), { persist: true });
  }
}
