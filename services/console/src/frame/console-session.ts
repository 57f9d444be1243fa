import { type QueryClient, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import type { Session } from '../api/answers.ts';
import { request, signedOut } from '../api/request.ts';

const KEY = ['session'];

/** Whose session it is; null: nobody's. Undefined while that is asked. */
export function useSession(): Session | null | undefined {
  const queries = useQueryClient();
  useEffect(() => {
    const end = () => queries.setQueryData(KEY, null);
    signedOut.addEventListener('signedout', end);
    return () => signedOut.removeEventListener('signedout', end);
  }, [queries]);
  const { data } = useQuery({ queryKey: KEY, queryFn: readSession, staleTime: 60_000 });
  return data;
}

async function readSession(): Promise<Session | null> {
  return (await request<Session | undefined>('/session')) ?? null;
}

export function useSignIn(): (proof: { api_key: string } | { code: string }) => Promise<Session> {
  const queries = useQueryClient();
  return async (proof) => {
    const session = await request<Session>('/session', { method: 'POST', body: proof });
    begin(queries, session);
    return session;
  };
}

export function useSignOut(): () => Promise<void> {
  const queries = useQueryClient();
  return async () => {
    await request('/session', { method: 'DELETE' });
    begin(queries, null);
  };
}

/** What was read for another session is not shown in this one. */
function begin(queries: QueryClient, session: Session | null): void {
  queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== KEY[0] });
  queries.setQueryData(KEY, session);
}
