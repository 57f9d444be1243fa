import { resolve } from 'node:path';
import { type Action, PermanentError } from '@errand/actions';
import { fitsFault } from '@errand/contracts';
import type { Declared } from '../check-declaration.ts';
import type { CommandCall } from '../declaration.ts';
import { factsOf } from '../http/http-action.ts';
import { parseOutside, textOf } from '../http/outside-json.ts';
import { variableIn } from './environment.ts';
import { type ProcessGroup, startProcessGroup } from './process-group.ts';
import { listenTo } from './said-lines.ts';

/*
 * An attempt is one process, which leads a group of its own:
 *
 *   stdin    one JSON object: job_id, tenant_id, attempt, resource, metadata, traceparent, input
 *   stdout   the result as JSON in UTF-8, when it ends with 0; {code, message, details} when it ends with permanent_exit_code
 *   stderr   lines; those like {"percent": 40, "message": "…"} are progress, those like {"output": …} partial results, others are
 *            logged
 *
 *   it ends with 0                            the result
 *   with permanent_exit_code                  the job fails
 *   otherwise, or by a signal                 another attempt
 *   it cannot be started                      another attempt
 *   it writes more than max_output_bytes      the group is killed, the job fails
 *   the attempt is stopped or times out       the group gets SIGTERM, and SIGKILL after kill_grace_s
 */

export function commandRun(call: CommandCall, { folder, env }: Declared): Action['run'] {
  // PATH finds the program; everything else is passed on only where it is asked for.
  const passed = Object.fromEntries(
    ['PATH', ...call.env].flatMap((name) => {
      const value = variableIn(env, name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const cwd = resolve(folder, call.cwd);
  return async (attempt) => {
    attempt.signal.throwIfAborted();
    const sent = JSON.stringify(factsOf(attempt));
    const group = await startProcessGroup(call.argv, { cwd, env: passed });
    const onAbort = () => group.end(call.kill_grace_s * 1_000);
    attempt.signal.addEventListener('abort', onAbort, { once: true });
    if (attempt.signal.aborted) onAbort();
    try {
      const said = listenTo(group.child.stderr, attempt);
      const output = collect(group, call);
      group.child.stdin.end(sent);
      const { code, signal } = await group.closed;
      const lastLine = said.end();
      const written = output();
      if (code === 0) return resultIn(written);
      if (code === call.permanent_exit_code) throw refusalIn(written);
      throw new Error(`the command ended with ${signal ?? `code ${code}`}: ${lastLine}`);
    } finally {
      attempt.signal.removeEventListener('abort', onAbort);
    }
  };
}

/** Gathers what a process writes to stdout, up to the limit, at which the group ends. */
function collect(group: ProcessGroup, call: CommandCall): () => Buffer {
  const chunks: Buffer[] = [];
  let bytes = 0;
  group.child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= call.max_output_bytes) chunks.push(chunk);
    else group.end(0);
  });
  return () => {
    if (bytes <= call.max_output_bytes) return Buffer.concat(chunks);
    const limit = [{ max_output_bytes: call.max_output_bytes }];
    throw new PermanentError('output_too_large', 'The command wrote too much output.', limit);
  };
}

function resultIn(written: Buffer): unknown {
  const text = textOf(written);
  if (text === undefined) {
    const cause = `#: its ${written.length} bytes on stdout are not UTF-8`;
    throw new PermanentError('invalid_output', "The command's result is not UTF-8.", [], {
      cause,
    });
  }
  try {
    return parseOutside(text);
  } catch (error) {
    if (error instanceof PermanentError) throw error;
    const cause = `#: its ${written.length} bytes on stdout are not JSON: ${(error as Error).message}`;
    throw new PermanentError('invalid_output', "The command's result is not JSON.", [], {
      cause,
    });
  }
}

/** Whatever it wrote, the job fails for good; without a readable reason with a general one. */
function refusalIn(written: Buffer): PermanentError {
  const text = textOf(written) ?? '';
  let said: unknown;
  let isExact = true;
  try {
    // The rest of it becomes text that everybody can keep.
    said = parseOutside(text, []);
    parseOutside(text, ['/details']);
  } catch {
    isExact = false;
  }
  const { code, message, details } = (said ?? {}) as Record<string, unknown>;
  return new PermanentError(
    typeof code === 'string' ? code : 'command_refused',
    typeof message === 'string' ? message : 'The command refused the job.',
    isExact && Array.isArray(details) && fitsFault(details) ? details : [],
  );
}
