import { type AwaitedAttempt, type CallbackMethod, flawsOfWanted, JOB_STATUSES } from '@errand/contracts';
import { z } from 'zod';
import { parseBody, printable } from '../http/body-errors.ts';
import { defineRoute } from '../http/define-route.ts';
import type { ProblemCode } from '../http/problem.ts';
import { Refusal } from '../http/problem.ts';
import { assertFlawless, assertJson, decode, type HttpGroup, parse, readBytes } from '../http/read-body.ts';
import { busy, type Ctx } from '../http/request-log.ts';
import { answer } from '../http/respond.ts';
import { inPath, json, jsonBody } from '../openapi/operation.ts';
import type { CallbacksGroup } from './callbacks-group.ts';
import type { Said } from './judge-call.ts';
import { type Call, endByCall, progressByCall } from './take-call.ts';

/* The URL is the right: no key is asked for. Whoever has no token of ours costs an HMAC, and reads nothing. */

const Taken = z.object({
  status: z.enum(JOB_STATUSES).meta({ description: 'What the job is by this call.' }),
});
const Progress = z.object({
  percent: z.number().min(0).max(100),
  message: printable(z.string().max(500)).optional(),
});

const token = inPath('token', 'What the callback URL ends with.', z.string().min(1));
const PROBLEMS: readonly ProblemCode[] = [
  'unknown_callback',
  'bad_signature',
  'method_not_allowed',
  'callback_over',
  'callback_early',
  'log_unavailable',
  'log_nearly_full',
];
const ENDING: readonly ProblemCode[] = [
  'callback_taken',
  'invalid_result',
  'payloads_full',
  'too_many_payload_bytes',
];
const DESCRIPTION =
  'Ends the job that waits for this call, once: the same call again gets the same answer, another one 409, and one that ' +
  'comes too late 410. How the body is read, and who may send it, its action says. A call that comes before the job waits ' +
  'for it is kept for some seconds.';

export const postCallback = defineRoute({
  method: 'post',
  path: '/callbacks/{token}',
  key: 'none',
  id: 'postCallback',
  tag: 'Callbacks',
  summary: 'Tell the outcome of work outside',
  description: DESCRIPTION,
  parameters: [token],
  body: jsonBody(z.unknown(), { required: false }),
  answers: { 200: json('The call counts.', Taken) },
  problems: [...PROBLEMS, ...ENDING],
  handle: (deps: HttpGroup & CallbacksGroup) => async (c) => take(c, deps, 'POST'),
});

export const putCallback = defineRoute({
  method: 'put',
  path: '/callbacks/{token}',
  key: 'none',
  id: 'putCallback',
  tag: 'Callbacks',
  summary: 'Tell the outcome of work outside, by PUT',
  description: DESCRIPTION,
  parameters: [token],
  body: jsonBody(z.unknown(), { required: false }),
  answers: { 200: json('The call counts.', Taken) },
  problems: [...PROBLEMS, ...ENDING],
  handle: (deps: HttpGroup & CallbacksGroup) => async (c) => take(c, deps, 'PUT'),
});

export const getCallback = defineRoute({
  method: 'get',
  path: '/callbacks/{token}',
  key: 'none',
  id: 'getCallback',
  tag: 'Callbacks',
  summary: 'Tell the outcome of work outside, by a link',
  description: `${DESCRIPTION} Only where the action takes GET, as a look at a link must not end a job. The query's parameters are the body.`,
  parameters: [token],
  answers: { 200: json('The call counts.', Taken) },
  problems: [...PROBLEMS, ...ENDING, 'invalid_input'],
  handle: (deps: HttpGroup & CallbacksGroup) => async (c) => take(c, deps, 'GET'),
});

export const reportCallbackProgress = defineRoute({
  method: 'post',
  path: '/callbacks/{token}/progress',
  key: 'none',
  id: 'reportCallbackProgress',
  tag: 'Callbacks',
  summary: 'Tell how far work outside is',
  description: 'What comes too soon after the progress before it is answered and not kept.',
  parameters: [token],
  body: jsonBody(Progress),
  answers: { 200: json('The job waits for its outcome.', Taken) },
  problems: PROBLEMS,
  handle: (deps: HttpGroup & CallbacksGroup) => async (c) => {
    const attempt = attemptOf(c, deps);
    const call = await readCall(c, deps, 'POST');
    const read = ({ value, json: text }: Said) => {
      assertFlawless(flawsOfWanted(text, ['']));
      const { percent, message } = parseBody(Progress, value);
      return message === undefined ? { percent } : { percent, message };
    };
    return answer(c, { status: 200, body: await progressByCall(c, deps.callbacks, { attempt, call, read }) });
  },
});

async function take(c: Ctx, deps: HttpGroup & CallbacksGroup, method: CallbackMethod): Promise<Response> {
  // A HEAD is answered like a GET, and is a look.
  if (c.req.method === 'HEAD') throw new Refusal('method_not_allowed', { headers: { allow: 'POST, PUT' } });
  const attempt = attemptOf(c, deps);
  const call = await readCall(c, deps, method);
  return answer(c, { status: 200, body: await endByCall(c, deps.callbacks, { attempt, call }) });
}

/** @throws Refusal unknown_callback */
function attemptOf(c: Ctx, { callbacks }: CallbacksGroup): AwaitedAttempt {
  const attempt = callbacks.keys.read(c.req.param('token') ?? '');
  if (!attempt) throw new Refusal('unknown_callback');
  c.env.tenantId = attempt.tenantId;
  c.env.action = attempt.action;
  c.env.jobId = attempt.jobId;
  return attempt;
}

async function readCall(c: Ctx, { http }: HttpGroup, method: CallbackMethod): Promise<Call> {
  const { headers, url } = c.req.raw;
  if (method === 'GET') {
    const { search, searchParams } = new URL(url);
    const value = Object.fromEntries(searchParams);
    const said = () => ({ value, json: JSON.stringify(value) });
    return { method, headers, bytes: Buffer.from(search.slice(1)), said };
  }
  const bytes = await readBytes(c.req.raw, http);
  const said = () => {
    if (bytes.length === 0) return { value: null, json: 'null' };
    assertJson(headers);
    return busy(c, () => {
      const text = decode(bytes);
      return { value: parse(text), json: text };
    });
  };
  return { method, headers, bytes, said };
}
