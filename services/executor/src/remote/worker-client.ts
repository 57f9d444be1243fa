import type { Action, ResultFile, SavedResult } from '@errand/actions';
import { Agent, request } from 'undici';
import { z } from 'zod';
import type { StopReason } from './remote-attempts.ts';
import { ClaimedAttempt } from './worker-routes.ts';

/** The server has refused a worker's request. */
export class Refused extends Error {
  override name = 'Refused';
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, detail: string) {
    super(detail);
    this.status = status;
    this.code = code;
  }

  /** The same request may be taken later. */
  get passes(): boolean {
    return this.status >= 500 || this.status === 429;
  }
}

/** The calls of a worker. Each rejects with Refused, or with what the connection throws. */
export interface WorkerClient {
  announce(action: Action): Promise<{ contractId: string; silenceMs: number }>;
  claim(
    wanted: { action: string; contractId: string; slots: number },
    signal: AbortSignal,
  ): Promise<ClaimedAttempt[]>;
  /** Resolves with why to stop, or undefined after `waitMs`. */
  heartbeat(token: string, waitMs: number, signal: AbortSignal): Promise<StopReason | undefined>;
  sendFile(token: string, file: ResultFile): Promise<SavedResult>;
  tell(
    token: string,
    what: 'progress' | 'log' | 'output' | 'succeed' | 'retry' | 'fail' | 'release',
    body: unknown,
  ): Promise<void>;
  close(): Promise<void>;
}

const CLAIM_WAIT_S = 20;
const Problem = z.object({ code: z.string(), detail: z.string() });
const Claimed = z.object({ attempts: z.array(ClaimedAttempt) });
const Announced = z.object({ contract_id: z.string(), silence_s: z.number() });
const Beat = z.object({
  stop: z.enum(['canceled', 'superseded', 'timed_out', 'given_up', 'worker_lost']).nullable(),
});

export function createWorkerClient({ url, key }: { url: string; key: string }): WorkerClient {
  // A claim waits for its headers.
  const dispatcher = new Agent({ headersTimeout: 60_000, bodyTimeout: 60_000 });
  const authorization = `Bearer ${key}`;
  const base = `${url.replace(/\/+$/, '')}/workers/v1`;

  async function call(
    path: string,
    options: {
      method?: 'POST' | 'PUT';
      body: string | AsyncIterable<Uint8Array>;
      contentType?: string;
      signal?: AbortSignal;
    },
  ): Promise<unknown> {
    const { method = 'POST', body, contentType = 'application/json', signal } = options;
    const answer = await request(base + path, {
      dispatcher,
      method,
      headers: { authorization, 'content-type': contentType },
      body: body as string,
      ...(signal ? { signal } : {}),
    });
    const text = await answer.body.text();
    if (answer.statusCode < 300) return text === '' ? undefined : JSON.parse(text);
    const problem = Problem.safeParse(parsed(text));
    const { code, detail } = problem.data ?? { code: 'unknown', detail: `${answer.statusCode}` };
    throw new Refused(answer.statusCode, code, detail);
  }

  const post = (path: string, body: unknown, signal?: AbortSignal) =>
    call(path, { body: JSON.stringify(body), ...(signal ? { signal } : {}) });

  return {
    async announce(action) {
      const announced = Announced.parse(await post('/actions', announcementOf(action)));
      return { contractId: announced.contract_id, silenceMs: announced.silence_s * 1_000 };
    },
    async claim({ action, contractId, slots }, signal) {
      const body = { action, contract_id: contractId, slots, wait_s: CLAIM_WAIT_S };
      return Claimed.parse(await post('/claim', body, signal)).attempts;
    },
    async heartbeat(token, waitMs, signal) {
      const beat = await post(`/attempts/${token}/heartbeat`, { wait_s: waitMs / 1_000 }, signal);
      return Beat.parse(beat).stop ?? undefined;
    },
    async sendFile(token, { contentType, filename, body }) {
      const query = filename === undefined ? '' : `?filename=${encodeURIComponent(filename)}`;
      const sent = await call(`/attempts/${token}/file${query}`, {
        method: 'PUT',
        body: piecesOf(body),
        contentType,
      });
      return sent as SavedResult;
    },
    async tell(token, what, body) {
      await post(`/attempts/${token}/${what}`, body);
    },
    close: () => dispatcher.destroy(),
  };
}

function announcementOf({ contract, retry, returnsFile, logs }: Action): unknown {
  const { name, version, description, resource, accepts, input_schema, result_schema, concurrency_keys } =
    contract;
  return {
    name,
    version,
    description,
    resource,
    accepts,
    input_schema,
    ...(returnsFile ? { returns_file: true } : { result_schema }),
    ...(concurrency_keys === undefined ? {} : { concurrency_keys }),
    logs,
    timeout_s: contract.timeout_ms / 1_000,
    retry: {
      max_attempts: retry.maxAttempts,
      first_delay_s: retry.firstDelayMs / 1_000,
      max_delay_s: retry.maxDelayMs / 1_000,
    },
  };
}

async function* piecesOf(body: ResultFile['body']): AsyncGenerator<Uint8Array> {
  yield* body;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
