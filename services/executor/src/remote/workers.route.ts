import { hash } from 'node:crypto';
import { PermanentError, type SavedResult } from '@errand/actions';
import { type BegunAttempt, RetryLater, reasonsOf } from '@errand/actions/execution';
import { flawsOfJson, type InputError, pointerToken } from '@errand/contracts';
import { type Context, Hono } from 'hono';
import type { z } from 'zod';
import type { RemoteAction } from './remote-action.ts';
import type { RemoteAttempt, RemoteAttempts } from './remote-attempts.ts';
import { workerDocument } from './worker-document.ts';
import type { WorkerKeys } from './worker-keys.ts';
import { WorkerRefusal } from './worker-problem.ts';
import {
  type Announcement,
  type BodyOf,
  type ClaimedAttempt,
  FileHeaders,
  WORKER_ROUTES,
  type WorkerRouteName,
} from './worker-routes.ts';

export interface WorkersDeps {
  readonly keys: WorkerKeys;
  readonly attempts: RemoteAttempts;
  readonly version: string;
  readonly silenceMs: number;
  /** Of a body with a result. */
  readonly maxResultBytes: number;
  readonly find: (action: string) => RemoteAction | undefined;
  /** Resolves once runs of the action are accepted. @throws WorkerRefusal */
  readonly announce: (announcement: Announcement) => Promise<RemoteAction>;
  /** Gives a job back, to be begun anew elsewhere. */
  readonly release: (jobId: string) => void;
  readonly stopping: AbortSignal;
}

/** Of bodies without a result. An announcement's schemas have to fit a NATS message too. */
const MAX_BODY_BYTES = 1_048_576;
const OVER = 'The attempt is over, or is none of this process.';
const utf8 = new TextDecoder('utf-8', { fatal: true });

type May = (action: string) => boolean;
type Handlers = {
  [N in WorkerRouteName]: (request: {
    c: Context;
    body: BodyOf<N>;
    /** Of the route and the body as it came: the same for a call that is made again. */
    told: string;
    may: May;
  }) => Promise<Response> | Response;
};

/** The API of remote workers, with its document at /openapi.json. */
export function workersApp(deps: WorkersDeps): Hono {
  const { attempts, stopping } = deps;
  const files = new WeakMap<RemoteAttempt, SavedResult>();
  const document = workerDocument(deps.version);

  /** @throws WorkerRefusal attempt_over, forbidden */
  function attemptOf(c: Context, may: May): RemoteAttempt {
    const attempt = attempts.find(c.req.param('token') ?? '');
    if (!attempt) throw new WorkerRefusal('attempt_over', OVER);
    assertMay(may, attempt.action.contract.name);
    attempt.touch();
    return attempt;
  }

  /** One that may be ended: also once more. @throws WorkerRefusal attempt_over, forbidden */
  function endableAttempt(c: Context, may: May): RemoteAttempt {
    const attempt = attemptOf(c, may);
    const reason = attempt.stopped();
    if (reason !== undefined)
      throw new WorkerRefusal('attempt_over', `The attempt is not wanted: ${reason}.`);
    return attempt;
  }

  /** One under way, with what it was given. @throws WorkerRefusal attempt_over, forbidden */
  function attemptUnderWay(c: Context, may: May): { remote: RemoteAttempt; attempt: BegunAttempt } {
    const remote = endableAttempt(c, may);
    if (!remote.attempt) throw new WorkerRefusal('attempt_over', OVER);
    return { remote, attempt: remote.attempt };
  }

  /** Answers once what followed is in the log. */
  async function end(
    attempt: RemoteAttempt,
    ...outcome: Parameters<RemoteAttempt['end']>
  ): Promise<Response> {
    const conclusion = await attempt.end(...outcome);
    if (conclusion === 'settled') return new Response(null, { status: 204 });
    if (conclusion === 'otherwise')
      throw new WorkerRefusal('attempt_over', 'Its worker has ended the attempt otherwise before.');
    throw new WorkerRefusal('attempt_over', 'The job is run elsewhere by now, or the log did not answer.');
  }

  const handlers: Handlers = {
    async announce({ body, may }) {
      assertMay(may, body.name);
      const { loaded } = await deps.announce(body);
      const { contract_id } = loaded.action.contract;
      return Response.json({ contract_id, silence_s: deps.silenceMs / 1_000 });
    },
    async claim({ c, body, may }) {
      assertMay(may, body.action);
      const { loaded, claims } = known(deps.find(body.action), body.action);
      const { contract_id } = loaded.action.contract;
      if (contract_id !== body.contract_id) {
        throw new WorkerRefusal(
          'contract_replaced',
          `Another worker has announced the contract ${contract_id}.`,
        );
      }
      if (stopping.aborted) throw new WorkerRefusal('unavailable', 'This executor takes no more work.');
      const signal = AbortSignal.any([c.req.raw.signal, stopping]);
      const given = await claims.claim({ slots: body.slots, waitMs: body.wait_s * 1_000, signal });
      if (c.req.raw.signal.aborted) for (const { attempt } of given) if (attempt) deps.release(attempt.jobId);
      for (const attempt of given) attempt.handOut();
      return Response.json({ attempts: given.flatMap(claimed) });
    },
    async heartbeat({ c, body, may }) {
      const attempt = attemptOf(c, may);
      if (attempt.stopped() === undefined && !attempt.attempt) throw new WorkerRefusal('attempt_over', OVER);
      if (attempt.stopped() === undefined && body.wait_s > 0) {
        const release = attempt.hold();
        const over = AbortSignal.timeout(body.wait_s * 1_000);
        await attempt.untilStopped(AbortSignal.any([c.req.raw.signal, over]));
        release();
      }
      return Response.json({ stop: attempt.stopped() ?? null });
    },
    progress({ c, body, may }) {
      attemptUnderWay(c, may).attempt.progress(body.percent, body.message);
      return new Response(null, { status: 204 });
    },
    log({ c, body, may }) {
      const { attempt } = attemptUnderWay(c, may);
      for (const { message, fields } of body.lines) attempt.log(message, fields);
      return new Response(null, { status: 204 });
    },
    output({ c, body, may }) {
      const { attempt } = attemptUnderWay(c, may);
      try {
        for (const value of body.values) attempt.output(value);
      } catch (error) {
        if (!(error instanceof PermanentError)) throw error;
        const code = error.code === 'output_too_large' ? 'too_large' : 'invalid_request';
        throw new WorkerRefusal(code, error.message);
      }
      return new Response(null, { status: 204 });
    },
    async file({ c, may }) {
      const { remote, attempt } = attemptUnderWay(c, may);
      const release = remote.hold();
      try {
        const saved = await attempt.saveResult({ ...fileHeaders(c), body: c.req.raw.body ?? [] });
        files.set(remote, saved);
        return Response.json(saved);
      } catch (error) {
        if (!(error instanceof PermanentError) || error.code !== 'result_too_large') throw error;
        throw new WorkerRefusal('too_large', error.message);
      } finally {
        release();
      }
    },
    async succeed({ c, body, told, may }) {
      const attempt = endableAttempt(c, may);
      const { action } = attempt;
      if (action.returnsFile) {
        const saved = files.get(attempt);
        const isToldAgain = !attempt.attempt;
        if (!saved && !isToldAgain)
          throw new WorkerRefusal('invalid_request', 'Send the file of the result first.');
        return end(attempt, { returned: saved }, told);
      }
      const errors = errorsOf(action.result.safeParse(body.result));
      const ended = await end(attempt, { returned: body.result }, told);
      // The attempt has failed by it, as one of a local action does.
      if (errors) throw new WorkerRefusal('invalid_result', reasonsOf(body.result, errors), errors);
      return ended;
    },
    retry({ c, body, told, may }) {
      const { cause = 'the worker asks for another attempt', after_s } = body;
      const thrown = after_s === undefined ? new Error(cause) : new RetryLater(cause, after_s * 1_000);
      return end(endableAttempt(c, may), { thrown }, told);
    },
    fail({ c, body, told, may }) {
      const { code, message, details, cause } = body;
      const thrown = new PermanentError(code, message, details, { cause });
      return end(endableAttempt(c, may), { thrown }, told);
    },
    release({ c, may }) {
      const { attempt } = attemptUnderWay(c, may);
      deps.release(attempt.jobId);
      return new Response(null, { status: 204 });
    },
  };

  const app = new Hono();
  for (const name of Object.keys(WORKER_ROUTES) as WorkerRouteName[]) mount(name);

  function mount<N extends WorkerRouteName>(name: N): void {
    const { method, path, body: schema } = WORKER_ROUTES[name];
    app.on(method.toUpperCase(), path.replace(/\{(\w+)\}/g, ':$1'), async (c) => {
      const may = deps.keys(c.req.header('authorization'));
      if (!may)
        throw new WorkerRefusal('unauthorized', 'Send a key of workers as Authorization: Bearer <key>.');
      // Nothing is read for an attempt that is over, and whose body comes is not silent.
      const attempt = path.includes('{token}') ? attemptOf(c, may) : undefined;
      const maxBytes = name === 'succeed' ? deps.maxResultBytes : MAX_BODY_BYTES;
      const about = { maxBytes, onPiece: () => attempt?.touch() };
      const { body, digest } = schema === 'file' ? {} : await readBody(c, schema, about);
      return handlers[name]({ c, body: body as BodyOf<N>, told: `${name} ${digest}`, may });
    });
  }
  app.get('/openapi.json', () => Response.json(document));
  app.notFound(() => new WorkerRefusal('unknown_route', '/openapi.json lists the routes.').answer());
  app.onError((error) => {
    if (error instanceof WorkerRefusal) return error.answer();
    return new WorkerRefusal('unavailable', 'This process cannot do it now.').answer();
  });
  return app;
}

/** Empty for one that is over already. */
function claimed({ token, action, attempt }: RemoteAttempt): ClaimedAttempt[] {
  if (!attempt) return [];
  const { jobId, tenantId, attempt: number, input, resource, metadata, traceparent } = attempt;
  const given: ClaimedAttempt = {
    token,
    job_id: jobId,
    tenant_id: tenantId,
    action: action.contract.name,
    attempt: number,
    input,
    resource: { ...(resource as Record<string, string>) },
    metadata: { ...metadata },
    ...(traceparent === undefined ? {} : { traceparent }),
  };
  return [given];
}

function assertMay(may: May, action: string): void {
  if (!may(action)) throw new WorkerRefusal('forbidden', `The key may not run ${action}.`);
}

function known(action: RemoteAction | undefined, name: string): RemoteAction {
  if (!action)
    throw new WorkerRefusal('unknown_action', `Announce ${name} first: this process does not know it.`);
  return action;
}

/** @throws WorkerRefusal too_large, invalid_json, invalid_request */
async function readBody(
  c: Context,
  schema: z.ZodType,
  { maxBytes, onPiece }: { maxBytes: number; onPiece: () => void },
): Promise<{ body?: unknown; digest?: string }> {
  const bytes: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of c.req.raw.body ?? []) {
    onPiece();
    length += chunk.length;
    if (length > maxBytes)
      throw new WorkerRefusal('too_large', `The body may have at most ${maxBytes} bytes.`);
    bytes.push(chunk);
  }
  const whole = Buffer.concat(bytes);
  const { json, text } = parse(whole);
  const flaws = flawsOfJson(text, json);
  if (flaws.length > 0)
    throw new WorkerRefusal('invalid_request', 'The body would not come back unchanged.', flaws);
  const parsed = schema.safeParse(json);
  if (parsed.success) return { body: parsed.data, digest: hash('sha256', whole) };
  throw new WorkerRefusal('invalid_request', 'The body is not as the route wants it.', errorsOf(parsed));
}

function parse(body: Buffer): { json: unknown; text: string } {
  try {
    const text = body.length === 0 ? '{}' : utf8.decode(body);
    return { json: JSON.parse(text), text };
  } catch {
    throw new WorkerRefusal('invalid_json', 'The body is not JSON in UTF-8.');
  }
}

/** @throws WorkerRefusal invalid_request */
function fileHeaders(c: Context): { contentType: string; filename?: string } {
  const contentType = c.req.header('content-type') ?? 'application/octet-stream';
  const parsed = FileHeaders.safeParse({ contentType, filename: c.req.query('filename') });
  if (!parsed.success)
    throw new WorkerRefusal('invalid_request', 'The file has an invalid name or type.', errorsOf(parsed));
  const { filename } = parsed.data;
  return filename === undefined ? { contentType } : { contentType, filename };
}

function errorsOf(
  checked:
    | { success: true }
    | {
        success: false;
        error: {
          issues: readonly { path: readonly PropertyKey[]; code?: string | undefined; message: string }[];
        };
      },
): (InputError & { pointer: string; code: string })[] | undefined {
  if (checked.success) return undefined;
  return checked.error.issues.slice(0, 100).map(({ path, code = 'invalid', message }) => ({
    pointer: `#${path.map((part) => pointerToken(String(part))).join('')}`,
    code,
    detail: message,
  }));
}
