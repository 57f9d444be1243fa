import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Failure, Loading } from './feedback.tsx';

/** What was read, or why it is not there. What was read before stays while it cannot be read anew, and says so. */
export function Read<T>({ query, children }: { query: UseQueryResult<T>; children: (data: T) => ReactNode }) {
  const { data, error } = query;
  if (data === undefined) return error ? <Failure error={error} /> : <Loading />;
  return (
    <>
      {error ? <Failure error={error} /> : null}
      {children(data)}
    </>
  );
}
