import { UsageError } from '../errors.ts';
import { untilAborted } from './deadline.ts';
import { failureOf, letGo, type OpenAnswer } from './transport.ts';

/** What ends the reading of a body: silence of `idleMs` (a `timeout`), or the caller's signal. */
interface Limits {
  readonly idleMs: number;
  readonly signal: AbortSignal | undefined;
}

type Piece = Uint8Array<ArrayBuffer>;

/**
 * The pieces of an answer's body as they come. The answer is released after the last one, or when a reader that has
 * begun leaves; a reader may take as long as it likes with a piece. An abort ends even a body that has fully arrived,
 * for which Node 20 may leave a read waiting for ever. Reading rejects with ErrandError, or the caller's reason.
 * @throws UsageError for a body that is already being read
 */
export function readPieces(answer: OpenAnswer, limits: Limits): AsyncGenerator<Piece, void, void> {
  const body = answer.response.body ?? new Blob([]).stream();
  if (body.locked) throw new UsageError('the result can be read only once');
  return readAll(body.getReader(), answer, limits);
}

async function* readAll(
  reader: ReadableStreamDefaultReader<Piece>,
  answer: OpenAnswer,
  { idleMs, signal }: Limits,
): AsyncGenerator<Piece, void, void> {
  const { deadline } = answer;
  try {
    for (;;) {
      deadline.extend(idleMs);
      const { done, value } = await untilAborted(reader.read(), deadline.signal);
      deadline.extend(undefined);
      if (done) return;
      yield value;
    }
  } catch (error) {
    throw failureOf(error, deadline, signal);
  } finally {
    letGo(answer);
  }
}
