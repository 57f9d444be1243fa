import { useState } from 'react';
import type { LogEntry } from '../api/answers.ts';
import { Empty, Failure, Loading } from '../parts/feedback.tsx';
import { JsonView } from '../parts/json-view.tsx';
import { LiveMark } from '../parts/live-mark.tsx';
import { useRights } from '../parts/rights.tsx';
import { Scroll } from '../parts/scroll.tsx';
import { Mark } from '../parts/status.tsx';
import { clockTime } from '../parts/time.tsx';
import { RowList } from './row-list.tsx';
import { useJobLog } from './use-job-log.ts';

/** A row shows this much of an entry at most; opened, all of it. */
const MAX_GIST_CHARS = 500;

/** What the attempts of a job tell: lines and partial results, live. */
export function JobLog({ path, isOver }: { path: string; isOver: boolean }) {
  const { entries, isRead, error, liveness } = useJobLog(path);
  const [chosen, setChosen] = useState<number>();
  if (entries.length === 0) {
    if (error) return <Failure error={error} />;
    return isRead ? <NoEntry isOver={isOver} /> : <Loading />;
  }
  const hasAttempts = entries.some(({ attempt }) => attempt > 1);
  const opened = chosen === undefined ? undefined : entries.find(({ id }) => id === chosen);
  return (
    <div className="body stack">
      <div className="row">
        <LiveMark liveness={liveness} />
        <span className="faint">{counted(entries.length, 'entry', 'entries')}</span>
      </div>
      {error ? <Failure error={error} /> : null}
      <RowList
        label="Log"
        className="log"
        rows={entries}
        keyOf={({ id }) => id}
        chosen={chosen}
        onChoose={setChosen}
        followsEnd
      >
        {(entry) => (
          <>
            <span className="mono faint">{clockTime(entry.time)}</span>
            {hasAttempts ? <Attempt nr={entry.attempt} /> : null}
            <Gist entry={entry} />
          </>
        )}
      </RowList>
      {opened ? <Opened key={opened.id} entry={opened} /> : null}
    </div>
  );
}

function NoEntry({ isOver }: { isOver: boolean }) {
  const { isCustomer } = useRights();
  const title = isOver ? 'The job has ended without a log.' : 'The job has logged nothing yet.';
  if (isCustomer) return <Empty title={title} />;
  return (
    <Empty title={title}>
      An action shows its lines with <code>{"logs: 'caller'"}</code>: see{' '}
      <a className="link" href="/docs#tag/jobs">
        the API of logs
      </a>
      .
    </Empty>
  );
}

function Attempt({ nr }: { nr: number }) {
  return (
    <span className="dim nowrap">
      <span className="hide-s">attempt</span> {nr}
    </span>
  );
}

function Gist({ entry }: { entry: LogEntry }) {
  switch (entry.type) {
    case 'log':
      return (
        <span className="clip" dir="auto">
          {clipped(entry.message)}{' '}
          {entry.fields ? <bdi className="mono faint">{clipped(JSON.stringify(entry.fields))}</bdi> : null}
        </span>
      );
    case 'output':
      return (
        <>
          <span className="chip nowrap">output</span>
          <bdi className="mono clip">{clipped(JSON.stringify(entry.value))}</bdi>
        </>
      );
    case 'dropped':
      return <Mark tone="warn" icon="warn" word={droppedOf(entry.count)} />;
  }
}

function Opened({ entry }: { entry: LogEntry }) {
  switch (entry.type) {
    case 'log':
      return (
        <div className="stack">
          <Scroll label="message" className="tall">
            <pre dir="auto">{entry.message}</pre>
          </Scroll>
          {entry.cut_of_bytes === undefined ? null : (
            <p className="dim">Cut: it had {entry.cut_of_bytes.toLocaleString()} bytes.</p>
          )}
          {entry.fields ? <JsonView text={JSON.stringify(entry.fields)} label="fields" /> : null}
        </div>
      );
    case 'output':
      return <JsonView text={JSON.stringify(entry.value)} label="output" />;
    case 'dropped':
      return (
        <p className="dim">
          {droppedOf(entry.count)}: an attempt may tell only so much at once and in all, or they could not be
          stored.
        </p>
      );
  }
}

function droppedOf(count: number): string {
  return `${counted(count, 'line', 'lines')} dropped`;
}

function counted(count: number, one: string, many: string): string {
  return `${count.toLocaleString()} ${count === 1 ? one : many}`;
}

function clipped(text: string): string {
  return text.length > MAX_GIST_CHARS ? `${text.slice(0, MAX_GIST_CHARS)}…` : text;
}
