import { useVirtualizer } from '@tanstack/react-virtual';
import { type ReactNode, useLayoutEffect, useRef } from 'react';

const ROW_PX = 34;

/**
 * Rows to choose one of; of many, only those in sight are in the page. With `followsEnd` the last one stays in sight as
 * rows come, until the reader scrolls up, and again from when they are back at the end.
 */
export function RowList<Row>({
  label,
  className = '',
  rows,
  keyOf,
  chosen,
  onChoose,
  followsEnd = false,
  children,
}: {
  label: string;
  className?: string;
  rows: readonly Row[];
  keyOf: (row: Row) => number;
  chosen: number | undefined;
  /** Undefined: the one that was chosen no longer is. */
  onChoose: (key: number | undefined) => void;
  followsEnd?: boolean;
  children: (row: Row) => ReactNode;
}) {
  const box = useRef<HTMLElement>(null);
  const isAtEnd = useRef(true);
  const drawn = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_PX,
    overscan: 10,
  });
  const height = drawn.getTotalSize();
  useLayoutEffect(() => {
    if (followsEnd && isAtEnd.current) box.current?.scrollTo({ top: height });
  }, [followsEnd, height]);
  return (
    <section
      ref={box}
      className={`events ${className}`.trim()}
      tabIndex={0}
      aria-label={label}
      onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
        isAtEnd.current = scrollHeight - scrollTop - clientHeight < ROW_PX;
      }}
    >
      <ul style={{ height }}>
        {drawn.getVirtualItems().map(({ index, start }) => {
          const row = rows[index];
          if (row === undefined) return null;
          const key = keyOf(row);
          return (
            <li key={key} style={{ transform: `translateY(${start}px)` }}>
              <button
                type="button"
                aria-pressed={chosen === key}
                onClick={() => onChoose(chosen === key ? undefined : key)}
              >
                {children(row)}
              </button>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
