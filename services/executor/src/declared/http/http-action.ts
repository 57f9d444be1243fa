import type { Action } from '@errand/actions';
import type { BegunAttempt } from '@errand/actions/execution';
import { type Mapping, mapValue, pointersOf } from '@errand/contracts';
import type { Environment } from '../command/environment.ts';
import { CALLBACK_URL, type HttpCall } from '../declaration.ts';
import { calledBackRun } from './called-back.ts';
import { createSend, isSuccess, jsonOf, readAnswer, refusalOf, startUrl } from './http-exchange.ts';
import { polledRun } from './polled-operation.ts';

/*
 * An attempt is one exchange with the endpoint:
 *
 *   it answers 2xx with JSON                     the result, or with `poll` where that is found (polled-operation.ts)
 *   it answers 2xx, with `callback`              the job waits for a call (called-back.ts)
 *   408, 425, 429, 5xx, or a status of retry_on  another attempt, not before Retry-After
 *   any other status, redirects too              the job fails
 *   nothing, or 2xx with what is no JSON         another attempt
 *   2xx with JSON that cannot be kept as it is   the job fails
 *   more than max_response_bytes                 the job fails
 *   2xx with what is not UTF-8                   the job fails
 *
 * Private addresses are allowed: the file is the operator's own.
 */

export function httpRun(
  call: HttpCall,
  { env, timeoutMs }: { env: Environment; timeoutMs: number },
): Pick<Action, 'run' | 'cancelOperation'> & Partial<Pick<Action, 'callback'>> {
  const send = createSend(call, env);
  const start = async (attempt: BegunAttempt) => {
    const callbackUrl = call.callback && (await attempt.callbackUrl());
    const answer = await send(attempt, {
      method: call.method,
      url: startUrl(call, attempt, callbackUrl),
      // An endpoint that knows the key does the work of a repeated start once. Each attempt has another callback URL.
      headers: { 'idempotency-key': callbackUrl ? `${attempt.jobId}.${attempt.attempt}` : attempt.jobId },
      body: bodyOf(call, attempt, callbackUrl),
      callbackUrl,
    });
    if (!isSuccess(answer)) throw await refusalOf(call, answer);
    return answer;
  };
  if (call.poll) return polledRun({ call, poll: call.poll, timeoutMs, start, send });
  if (call.callback) return calledBackRun({ call, callback: call.callback, env, start, send });
  const { response = '' } = call;
  return {
    async run(attempt) {
      const text = await readAnswer(await start(attempt), call);
      return mapValue(response, jsonOf(text, pointersOf(response)));
    },
  };
}

function bodyOf(call: HttpCall, attempt: BegunAttempt, callbackUrl: string | undefined): string | null {
  if (call.method === 'GET' || (call.method === 'DELETE' && call.body === undefined)) return null;
  const facts = { ...factsOf(attempt), callback_url: callbackUrl };
  return JSON.stringify(mapValue(bodyMapping(call.body), facts)) ?? null;
}

function bodyMapping(body: HttpCall['body'] = '/input'): Mapping {
  const plain = (text: string) => (text === CALLBACK_URL ? '/callback_url' : text);
  if (typeof body === 'string') return plain(body);
  return Object.fromEntries(Object.entries(body).map(([name, text]) => [name, plain(text)]));
}

/** What a mapping may point at, and what a command reads. */
export function factsOf(attempt: BegunAttempt): Record<string, unknown> {
  const { jobId, tenantId, attempt: number, resource, metadata, input, traceparent } = attempt;
  return { job_id: jobId, tenant_id: tenantId, attempt: number, resource, metadata, traceparent, input };
}
