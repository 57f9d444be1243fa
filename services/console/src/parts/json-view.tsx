import { type ReactNode, useDeferredValue, useMemo, useState } from 'react';
import { isExactNumber, type Json, parseExact } from '../api/exact-json.ts';
import { CopyButton } from './copy.tsx';
import { Scroll } from './scroll.tsx';

/** Above this a text is shown as it came: a tree of it would keep the browser busy. */
const MAX_TREE_CHARS = 262_144;
const OPEN_DEPTH = 2;
const PAGE = 200;
/** A text is marked so often at most; more would keep the browser busy. */
const MOST_MARKS = 200;

/** JSON as it was sent: exact numbers, folded, searchable, to be copied whole. */
export function JsonView({ text, label }: { text: string; label: string }) {
  const [typed, setTyped] = useState('');
  const search = useDeferredValue(typed);
  const parsed = useMemo(() => parsedOf(text), [text]);
  return (
    <div className="json">
      <div className="row">
        <input
          type="search"
          aria-label={`Find in ${label}`}
          placeholder="Find"
          value={typed}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
        {search === '' ? null : <span className="dim">{countOf(text, search)} found</span>}
        <span className="faint">{text.length.toLocaleString()} characters, exact</span>
        <CopyButton text={text} label="Copy" />
      </div>
      <Scroll label={label}>
        {parsed === undefined ? (
          <pre>{marked(text, search)}</pre>
        ) : (
          <pre>
            <Value value={parsed.value} depth={0} search={search} />
          </pre>
        )}
      </Scroll>
    </div>
  );
}

function parsedOf(text: string): { value: Json } | undefined {
  if (text.length > MAX_TREE_CHARS) return undefined;
  try {
    return { value: parseExact(text) as Json };
  } catch {
    return undefined;
  }
}

function Value({ value, depth, search }: { value: Json; depth: number; search: string }): ReactNode {
  if (typeof value === 'string') return <span className="s">{marked(JSON.stringify(value), search)}</span>;
  if (isExactNumber(value)) return <span className="v">{marked(value.rawJSON, search)}</span>;
  if (value === null || typeof value !== 'object')
    return <span className="v">{marked(String(value), search)}</span>;
  const isList = Array.isArray(value);
  const entries: [string, Json][] = isList
    ? value.map((each: Json, index: number) => [String(index), each])
    : Object.entries(value as Record<string, Json>);
  const [open, close] = isList ? '[]' : '{}';
  if (entries.length === 0) return `${open}${close}`;
  return (
    <Group
      entries={entries}
      isList={isList}
      open={open ?? ''}
      close={close ?? ''}
      depth={depth}
      search={search}
    />
  );
}

function Group(props: {
  entries: readonly [string, Json][];
  isList: boolean;
  open: string;
  close: string;
  depth: number;
  search: string;
}) {
  const { entries, isList, open, close, depth, search } = props;
  const [chosen, setOpen] = useState<boolean>();
  const [shown, setShown] = useState(PAGE);
  const isOpen = chosen ?? (search !== '' || depth < OPEN_DEPTH);
  const indent = '  '.repeat(depth + 1);
  const toggle = (
    <button type="button" className="fold" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
      {isOpen ? open : `${open} ${entries.length} ${close}`}
    </button>
  );
  if (!isOpen) return toggle;
  return (
    <>
      {toggle}
      {'\n'}
      {entries.slice(0, shown).map(([name, value], index) => (
        <span key={name}>
          {indent}
          {isList ? null : <span className="k">{marked(JSON.stringify(name), search)}: </span>}
          <Value value={value} depth={depth + 1} search={search} />
          {index < entries.length - 1 ? ',' : ''}
          {'\n'}
        </span>
      ))}
      {shown < entries.length ? (
        <button type="button" className="fold" onClick={() => setShown(shown + PAGE)}>
          {indent}… {entries.length - shown} more{'\n'}
        </button>
      ) : null}
      {'  '.repeat(depth)}
      {close}
    </>
  );
}

/** The text with what was looked for marked. */
function marked(text: string, search: string): ReactNode {
  if (search === '') return text;
  const parts = text.split(search, MOST_MARKS);
  const rest = parts.length === MOST_MARKS ? text.slice(parts.join(search).length) : '';
  if (rest !== '') parts[MOST_MARKS - 1] += rest;
  return parts.flatMap((part, index) => (index === 0 ? [part] : [<mark key={index}>{search}</mark>, part]));
}

function countOf(text: string, search: string): number {
  return text.split(search).length - 1;
}
