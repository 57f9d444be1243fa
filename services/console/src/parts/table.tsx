import type { ReactNode, Ref } from 'react';
import { Scroll } from './scroll.tsx';

/** The head of a column; for screen readers only if it is `spoken`. */
export type Column =
  | string
  | { readonly head: ReactNode; readonly className?: string }
  | { readonly spoken: string };

/** A list as a table, which scrolls by itself where it is wider than the page. `children`: its rows. */
export function Table({
  label,
  columns,
  className = '',
  rowCount,
  body,
  children,
}: {
  label: string;
  columns: readonly Column[];
  className?: string;
  /** Of the whole list, where only some of it is in the page. */
  rowCount?: number;
  body?: Ref<HTMLTableSectionElement>;
  children: ReactNode;
}) {
  return (
    <Scroll label={label} className={className}>
      <table aria-rowcount={rowCount}>
        <thead>
          <tr>
            {columns.map((column, index) => (
              <Head key={index} column={column} />
            ))}
          </tr>
        </thead>
        <tbody ref={body}>{children}</tbody>
      </table>
    </Scroll>
  );
}

function Head({ column }: { column: Column }) {
  if (typeof column === 'string') return <th scope="col">{column}</th>;
  if ('spoken' in column) {
    return (
      <th scope="col">
        <span className="sr">{column.spoken}</span>
      </th>
    );
  }
  return (
    <th scope="col" className={column.className}>
      {column.head}
    </th>
  );
}

export const numbers = (head: ReactNode) => ({ head, className: 'num' });
/** Left out on narrow screens. */
export const wide = (head: ReactNode) => ({ head, className: 'hide-s' });
export const wideNumbers = (head: ReactNode) => ({ head, className: 'num hide-s' });
