import type { Action } from '@errand/actions';
import { type BegunAttempt, CallbackDeferral } from '@errand/actions/execution';
import { CallbackTerms } from '@errand/contracts';
import type { Environment } from '../command/environment.ts';
import type { Callback, HttpCall } from '../declaration.ts';
import { cancelPatiently } from './cancel-operation.ts';
import { fill } from './headers.ts';
import { type Answer, discard, jsonOf, readAnswer, type Send } from './http-exchange.ts';
import { addressIn, answerPointers } from './operation-address.ts';

/*
 * An endpoint that takes the work with any 2xx, and calls at `{{callback_url}}` when it is done. The call comes to a
 * gateway, which knows from the log how to judge it. What fails at the start fails the attempt, as without a callback.
 */

/** How the gateway judges the call; with the secret. */
export function termsOf(callback: Callback, env: Environment): CallbackTerms {
  const { result, failed_when, error, verify, methods } = callback;
  return CallbackTerms.parse({
    result,
    failed_when,
    error,
    verify: verify && { header: verify.header, hmac_sha256: fill(verify.hmac_sha256, env) },
    methods,
  });
}

export function calledBackRun(options: {
  call: HttpCall;
  callback: Callback;
  env: Environment;
  start: (attempt: BegunAttempt) => Promise<Answer>;
  send: Send;
}): Pick<Action, 'run' | 'cancelOperation' | 'callback'> {
  const { call, callback, start, send } = options;
  const terms = termsOf(callback, options.env);
  const { cancel } = callback;
  const slashes = { allowSlashes: call.allow_slashes };

  /** Where the work is canceled; undefined if nowhere, or if the endpoint did not say. */
  async function cancelAddress(attempt: BegunAttempt, answer: Answer): Promise<string | undefined> {
    const pointers = cancel ? answerPointers(cancel.url) : [];
    if (!cancel || pointers.length === 0) discard(answer);
    if (!cancel) return undefined;
    const said = pointers.length === 0 ? null : jsonOf(await readAnswer(answer, call), pointers);
    const address = addressIn(cancel.url, said, { attempt, slashes });
    if (address === undefined) attempt.log('operation_unknown');
    return address;
  }

  return {
    callback: { terms: () => terms, withinMs: Math.ceil(callback.within_s * 1_000) },
    async run(attempt) {
      const answer = await start(attempt);
      try {
        return new CallbackDeferral({ address: await cancelAddress(attempt, answer) });
      } catch (error) {
        // The work has begun, whatever its answer was.
        if (attempt.signal.aborted) throw error;
        attempt.log('operation_unknown', { cause: String(error) });
        return new CallbackDeferral({});
      }
    },
    ...(cancel && {
      cancelOperation: (attempt: BegunAttempt, address: string) =>
        cancelPatiently({ call, send }, attempt, { method: cancel.method, url: address }),
    }),
  };
}
