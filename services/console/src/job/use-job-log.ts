import { useRef, useState } from 'react';
import type { LogEntry, LogPage } from '../api/answers.ts';
import { parseExact } from '../api/exact-json.ts';
import { queryOf, request } from '../api/request.ts';
import { type Liveness, useStream } from '../api/stream.ts';

const TYPES = Object.keys({
  log: true,
  output: true,
  dropped: true,
} satisfies Record<LogEntry['type'], true>);

interface JobLog {
  /** Oldest first. Numbers in them that JavaScript cannot hold are ExactNumber. */
  readonly entries: readonly LogEntry[];
  /** Whether it was read, so that a log without entries has none. */
  readonly isRead: boolean;
  readonly error: unknown;
  readonly liveness: Liveness;
}

/** What a job's attempts tell, as it comes; `path` is the log's. */
export function useJobLog(path: string): JobLog {
  const [entries, setEntries] = useState<readonly LogEntry[]>([]);
  const [isRead, setRead] = useState(false);
  const [error, setError] = useState<unknown>();
  const last = useRef(0);
  const isReading = useRef(false);

  // Stream and pages overlap; each is in order, and leaves out nothing behind what is known.
  const add = (read: readonly LogEntry[]) => {
    const fresh = read.filter(({ id }) => id > last.current);
    last.current = fresh.at(-1)?.id ?? last.current;
    if (fresh.length > 0) setEntries((held) => [...held, ...fresh]);
  };
  const readPages = async () => {
    for (let after: number | null = last.current; after !== null; ) {
      const page: LogPage = await request<LogPage>(path + queryOf({ after }));
      add(page.entries);
      after = page.next_after;
    }
  };
  const readInstead = async () => {
    if (isReading.current) return;
    isReading.current = true;
    await readPages().then(succeed, setError);
    isReading.current = false;
  };
  const succeed = () => {
    setRead(true);
    setError(undefined);
  };
  const liveness = useStream({
    url: path,
    types: TYPES,
    onEvents: (events) => add(events.map(({ data }) => parseExact(data) as LogEntry)),
    onPoll: (isOpen) => (isOpen ? succeed() : void readInstead()),
  });
  return { entries, isRead: isRead || liveness === 'over', error, liveness };
}
