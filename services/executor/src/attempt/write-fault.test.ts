import { EventTooLarge } from '@errand/bus';
import type { JobFault } from '@errand/contracts';
import type { Command } from '@errand/domain';
import { expect, test } from 'vitest';
import type { JobWriter } from './job-writer.ts';
import { writeFault } from './write-fault.ts';

const FAULT: JobFault = { code: 'too_steep', message: 'The roof is too steep.', details: [{ tilt: 90 }] };

/** The fault that a log takes which takes this many bytes in one message. */
async function written(error: JobFault, maxBytes: number): Promise<JobFault> {
  const taken: Command[] = [];
  const writer: Pick<JobWriter, 'write'> = {
    async write(command) {
      const bytes = JSON.stringify(command).length;
      if (bytes > maxBytes) throw new EventTooLarge(bytes, maxBytes);
      taken.push(command);
      return { kind: 'rejected', reason: 'already_ended' };
    },
  };
  await writeFault(writer, error, (fault) => ({
    type: 'failAttempt',
    attempt: 1,
    error: fault,
    durationMs: 1,
  }));
  const [command] = taken;
  if (command?.type !== 'failAttempt') throw new Error('nothing was taken');
  return command.error;
}

test('a fault is written as it is', async () => {
  expect(await written(FAULT, 10_000)).toEqual(FAULT);
});

test('a fault whose details no message can hold is written without them', async () => {
  const { code, message } = FAULT;
  const large = { ...FAULT, details: ['x'.repeat(10_000)] };
  expect(await written(large, 10_000)).toEqual({ code, message });
});

test('a fault that no reader could read is written as a failure of the action', async () => {
  const unreadable = { ...FAULT, details: 'abc' } as unknown as JobFault;
  expect(await written(unreadable, 10_000)).toEqual({ code: 'action_failed', message: 'The action failed.' });
});
