import {
  CallbackUnavailable,
  type OtherJob,
  PermanentError,
  type ResultFile,
  ResultNotStored,
} from '@errand/actions';
import type { AttemptHooks } from '@errand/actions/execution';
import type { PayloadRef } from '@errand/contracts';

/*
 * What an attempt in a worker thread asks of the executor, which alone is connected to the log. A file crosses piece by
 * piece, each only when the executor wants it. The memory of a piece is handed over, and back with the next wish, so
 * there is one piece of it all the time. A file on disk between them would need space, and somebody to remove it after a kill -9.
 *
 *   worker                      executor
 *   call (save, read, url) ─▶
 *                         ◀──   want               of a save, again and again
 *   piece (bytes or end)  ──▶
 *                         ◀──   answer
 */

export type FromCaller =
  | { kind: 'call'; call: number; asks: Asks }
  | { kind: 'piece'; call: number; piece: { bytes: Uint8Array<ArrayBuffer> } | 'end' | 'failed' };

export type ToCaller =
  | { kind: 'want'; call: number; memory?: ArrayBuffer | undefined }
  | { kind: 'answer'; call: number; answer: Answer };

type Asks = { name: 'url' } | { name: 'read'; jobId: string } | ({ name: 'save' } & FileHead);
/** What the executor has got for the worker. */
type Got = PayloadRef | OtherJob | string;
type FileHead = { contentType: string; filename?: string };
type Answer =
  | { ok: Got }
  | {
      failed: {
        message: string;
        permanent?: { code: string; details: unknown[] };
        passing?: keyof typeof PASSING;
      };
    };

/** Errors after which another attempt may succeed, by names that can cross. */
const PASSING = { not_stored: ResultNotStored, no_callback: CallbackUnavailable };

type Calls = Pick<AttemptHooks, 'saveResult' | 'readResult' | 'callbackUrl'>;

/** What crosses at once. */
const PIECE_BYTES = 262_144;

/** The worker's side. `post` sends, and hands over the memory of what is sent. */
export function createCaller(
  post: (message: FromCaller, transfer?: ArrayBuffer[]) => void,
): Calls & { onMessage(message: ToCaller): void } {
  interface Open {
    resolve(value: Got): void;
    reject(error: unknown): void;
    pieces?: Pieces;
    /** What the body threw: the caller gets that very error. */
    bodyError?: { error: unknown };
  }
  const open = new Map<number, Open>();
  let calls = 0;

  function ask<T extends Got>(asks: Asks, pieces?: Pieces): Promise<T> {
    const call = ++calls;
    return new Promise<Got>((resolve, reject) => {
      open.set(call, { resolve, reject, ...(pieces ? { pieces } : {}) });
      post({ kind: 'call', call, asks });
    }) as Promise<T>;
  }

  async function sendPiece(call: number, asked: Open, memory: ArrayBuffer): Promise<void> {
    try {
      const next = await asked.pieces?.next(memory);
      if (!next || next.done) return post({ kind: 'piece', call, piece: 'end' });
      post({ kind: 'piece', call, piece: { bytes: next.value } }, [next.value.buffer]);
    } catch (error) {
      asked.bodyError = { error };
      post({ kind: 'piece', call, piece: 'failed' });
    }
  }

  return {
    saveResult: ({ contentType, filename, body }) =>
      ask<PayloadRef>(
        { name: 'save', contentType, ...(filename === undefined ? {} : { filename }) },
        ownedPieces(body),
      ),
    readResult: (jobId) => ask<OtherJob>({ name: 'read', jobId }),
    callbackUrl: () => ask<string>({ name: 'url' }),
    onMessage(message) {
      const asked = open.get(message.call);
      if (!asked) return;
      if (message.kind === 'want') {
        const memory = message.memory ?? new ArrayBuffer(PIECE_BYTES);
        return void sendPiece(message.call, asked, memory);
      }
      open.delete(message.call);
      asked.pieces?.return().catch(() => {});
      if ('ok' in message.answer) asked.resolve(message.answer.ok);
      else asked.reject(asked.bodyError ? asked.bodyError.error : errorOf(message.answer.failed));
    },
  };
}

/** The executor's side of one attempt. */
export function createCallee(
  hooks: Calls,
  post: (message: ToCaller, transfer?: ArrayBuffer[]) => void,
): Disposable & { onMessage(message: FromCaller): void } {
  type Piece = Extract<FromCaller, { kind: 'piece' }>['piece'];
  const wanted = new Map<number, (piece: Piece) => void>();
  let isOver = false;

  async function* bodyOf(call: number): AsyncGenerator<Uint8Array> {
    let memory: ArrayBuffer | undefined;
    for (;;) {
      const { promise, resolve } = Promise.withResolvers<Piece>();
      if (isOver) throw new Error('the attempt is over');
      wanted.set(call, resolve);
      post({ kind: 'want', call, memory }, memory ? [memory] : []);
      const piece = await promise;
      if (piece === 'end') return;
      if (piece === 'failed') throw new Error('the file was cut off');
      yield piece.bytes;
      // Who asks for the next piece has done with this one.
      memory = piece.bytes.buffer;
    }
  }

  function get(call: number, asks: Asks): Promise<Got> {
    if (asks.name === 'url') return hooks.callbackUrl();
    if (asks.name === 'read') return hooks.readResult(asks.jobId);
    return hooks.saveResult({ ...asks, body: bodyOf(call) });
  }

  async function answer({ call, asks }: Extract<FromCaller, { kind: 'call' }>): Promise<void> {
    try {
      post({ kind: 'answer', call, answer: { ok: await get(call, asks) } });
    } catch (error) {
      post({ kind: 'answer', call, answer: { failed: plainOf(error) } });
    }
  }

  return {
    onMessage(message) {
      if (message.kind === 'call') return void answer(message);
      const take = wanted.get(message.call);
      wanted.delete(message.call);
      take?.(message.piece);
    },
    [Symbol.dispose]() {
      isOver = true;
      for (const take of wanted.values()) take('failed');
    },
  };
}

type Pieces = AsyncGenerator<Uint8Array<ArrayBuffer>, void, ArrayBuffer>;

/**
 * Pieces of a bearable size, each in the memory that is given when it is asked for. The first wish starts the generator,
 * and what it gives is lost, so that one has memory of its own.
 */
async function* ownedPieces(body: ResultFile['body']): Pieces {
  let memory = new ArrayBuffer(PIECE_BYTES);
  for await (const piece of body) {
    for (let from = 0; from < piece.length; from += PIECE_BYTES) {
      const part = piece.subarray(from, from + PIECE_BYTES);
      const owned = new Uint8Array(memory, 0, part.length);
      owned.set(part);
      memory = yield owned;
    }
  }
}

function plainOf(error: unknown): Extract<Answer, { failed: unknown }>['failed'] {
  if (error instanceof ResultNotStored) return { message: error.message, passing: 'not_stored' };
  if (error instanceof CallbackUnavailable) return { message: error.message, passing: 'no_callback' };
  if (!(error instanceof PermanentError)) return { message: String(error) };
  const { message, code, details } = error;
  return { message, permanent: { code, details } };
}

function errorOf({ message, permanent, passing }: Extract<Answer, { failed: unknown }>['failed']): Error {
  if (passing) return new PASSING[passing](message);
  return permanent ? new PermanentError(permanent.code, message, permanent.details) : new Error(message);
}
