import { ResponseError } from '../errors.ts';

/** One block of a stream of server-sent events (WHATWG HTML, 9.2.6), and what it says about coming back. */
export interface ServerSentMessage {
  /** Undefined for a block without data: it may move the position, or be a sign of life. */
  readonly data: string | undefined;
  readonly event: string;
  /** The last id sent so far; empty before the first one. */
  readonly lastId: string;
  /** How long to wait before reconnecting, if this block says so. */
  readonly retryMs: number | undefined;
}

const BREAK = /\r\n?|\n/g;
/** The longest block in UTF-16 code units: many times what any event of the API is. */
const MAX_BLOCK_LENGTH = 2 ** 24;

/**
 * Takes bytes as they come, in any pieces, and returns the blocks that are complete. What is left at the end was cut
 * off and counts for nothing, not even its id. A carriage return ends its line at once; a line feed after it belongs to
 * it.
 * @throws ResponseError `invalid_response` for a block of more than 16 Mi characters
 */
export function createMessageParser(): (piece: Uint8Array) => ServerSentMessage[] {
  // It also strips a byte order mark.
  const decoder = new TextDecoder();
  let line = '';
  let isAfterReturn = false;
  let lastId = '';
  let block = emptyBlock();

  return (piece) => {
    const messages: ServerSentMessage[] = [];
    const text = decoder.decode(piece, { stream: true });
    let at = isAfterReturn && text.startsWith('\n') ? 1 : 0;
    if (text !== '') isAfterReturn = text.endsWith('\r');
    BREAK.lastIndex = at;
    for (let found = BREAK.exec(text); found; found = BREAK.exec(text)) {
      line += text.slice(at, found.index);
      at = BREAK.lastIndex;
      if (line !== '') {
        readLine(block, line);
        line = '';
      } else if (block.length > 0) {
        const { id, data, event, retryMs } = block;
        block = emptyBlock();
        lastId = id ?? lastId;
        messages.push({ data: data?.join('\n'), event, lastId, retryMs });
      }
    }
    line += text.slice(at);
    if (block.length + line.length > MAX_BLOCK_LENGTH) {
      throw new ResponseError('invalid_response', { detail: 'an event in the stream is longer than 16 Mi' });
    }
    return messages;
  };
}

interface Block {
  length: number;
  id: string | undefined;
  data: string[] | undefined;
  event: string;
  retryMs: number | undefined;
}

function emptyBlock(): Block {
  return { length: 0, id: undefined, data: undefined, event: 'message', retryMs: undefined };
}

function readLine(block: Block, line: string): void {
  block.length += line.length;
  const [, name, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
  if (name === 'data') {
    block.data ??= [];
    block.data.push(value);
  } else if (name === 'event') block.event = value;
  else if (name === 'id' && !value.includes('\0')) block.id = value;
  else if (name === 'retry' && /^\d{1,9}$/.test(value)) block.retryMs = Number(value);
}
