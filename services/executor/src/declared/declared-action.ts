import type { Action } from '@errand/actions';
import { contractIdOf } from '@errand/actions/contract';
import { defaultConcurrency } from '@errand/actions/default-concurrency';
import { callbackOf } from '@errand/actions/execution';
import type { Declared } from './check-declaration.ts';
import { commandRun } from './command/command-action.ts';
import { httpRun } from './http/http-action.ts';
import { secretsOf, withMasks } from './masked.ts';
import { valueSchema } from './value-schema.ts';

/** An action out of a declaration that has been checked. */
export function declaredAction(declared: Declared): Action {
  const { name, declaration } = declared;
  const { retry, http, command, resource, input: input_schema, result: result_schema } = declaration;
  const timeoutMs = Math.ceil(declaration.timeout_s * 1_000);
  const code = http
    ? httpRun(http, { env: declared.env, timeoutMs })
    : command && { run: commandRun(command, declared) };
  if (!code) throw new Error(`${name} is neither http nor command`);
  return {
    contract: {
      name,
      contract_id: contractIdOf({ resource, input_schema, result_schema }),
      accepts: declaration.accepts,
      version: declaration.version,
      description: declaration.description,
      resource,
      input_schema,
      result_schema,
      ...(declaration.concurrency_keys === undefined
        ? {}
        : { concurrency_keys: declaration.concurrency_keys }),
      max_attempts: retry.max_attempts,
      timeout_ms: timeoutMs,
    },
    retry: {
      maxAttempts: retry.max_attempts,
      firstDelayMs: retry.first_delay_s * 1_000,
      maxDelayMs: retry.max_delay_s * 1_000,
    },
    concurrency: declaration.concurrency ?? defaultConcurrency(http ? 'in_process' : 'on_cores'),
    thread: 'main',
    logs: declaration.logs,
    input: valueSchema(input_schema),
    result: valueSchema(result_schema),
    returnsFile: false,
    callback: callbackOf(),
    ...withMasks(code, secretsOf(declaration, declared.env)),
  };
}
