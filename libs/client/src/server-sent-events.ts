/** One block of a stream of server-sent events (WHATWG HTML, 9.2.6), and what it says about coming back. */
export interface ServerSentMessage {
  /** Undefined for a block without data: it may move the place, or be a sign of life. */
  readonly data: string | undefined;
  readonly event: string;
  /** The last id that was said up to here; empty before the first one. */
  readonly lastId: string;
  /** How long to stay away after a cut, where this block says so. */
  readonly retryMs: number | undefined;
}

/**
 * Takes text as it comes, in whichever pieces, and answers the blocks that are complete. What is left at the end was cut
 * off and counts for nothing, its id neither.
 */
export function createMessageParser(): (piece: string) => ServerSentMessage[] {
  let rest = '';
  let isFirst = true;
  let lastId = '';
  let block = emptyBlock();

  return (piece) => {
    const messages: ServerSentMessage[] = [];
    rest += piece;
    if (isFirst && rest !== '') {
      isFirst = false;
      rest = rest.replace(/^\uFEFF/, '');
    }
    for (;;) {
      // A carriage return at the very end may be half of a line break.
      const [found, line = ''] = /^([^\r\n]*)(?:\r\n|\n|\r(?!$))/.exec(rest) ?? [];
      if (found === undefined) return messages;
      rest = rest.slice(found.length);
      if (line !== '') {
        readLine(block, line);
        continue;
      }
      const { id, data, event, retryMs, isEmpty } = block;
      block = emptyBlock();
      if (isEmpty) continue;
      lastId = id ?? lastId;
      messages.push({ data: data?.join('\n'), event, lastId, retryMs });
    }
  };
}

interface Block {
  isEmpty: boolean;
  id: string | undefined;
  data: string[] | undefined;
  event: string;
  retryMs: number | undefined;
}

function emptyBlock(): Block {
  return { isEmpty: true, id: undefined, data: undefined, event: 'message', retryMs: undefined };
}

function readLine(block: Block, line: string): void {
  block.isEmpty = false;
  const [name = '', ...others] = line.split(':');
  const value = others.join(':').replace(/^ /, '');
  if (name === 'data') block.data = [...(block.data ?? []), value];
  else if (name === 'event') block.event = value;
  else if (name === 'id' && !value.includes('\0')) block.id = value;
  else if (name === 'retry' && /^\d{1,9}$/.test(value)) block.retryMs = Number(value);
}
