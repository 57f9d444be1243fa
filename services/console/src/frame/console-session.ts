import { type QueryClient, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import type { Session } from '../api/answers.ts';
import { request, signedOut } from '../api/request.ts';

const KEY = ['session'];

/** Tabs share the cookie: what one of them does to it, the others are told. */
const tabs = new BroadcastChannel('errand-session');

/** Whose session it is; null: nobody's. Undefined while that is asked. */
export function useSession(): Session | null | undefined {
  const queries = useQueryClient();
  useEffect(() => {
    const end = () => queries.setQueryData(KEY, null);
    const anew = () => begin(queries, undefined);
    signedOut.addEventListener('signedout', end);
    tabs.addEventListener('message', anew);
    return () => {
      signedOut.removeEventListener('signedout', end);
      tabs.removeEventListener('message', anew);
    };
  }, [queries]);
  const { data } = useQuery({ queryKey: KEY, queryFn: readSession, staleTime: 60_000 });
  return data;
}

async function readSession(): Promise<Session | null> {
  return (await request<Session | undefined>('/session')) ?? null;
}

/** What begins a session: a key, the code of a link, or the answer of a provider. */
export type Proof = { api_key: string } | { code: string } | { query: string };

export function useSignIn(): (proof: Proof) => Promise<Session> {
  const queries = useQueryClient();
  return async (proof) => {
    const path = 'query' in proof ? '/session/oidc/answer' : '/session';
    const session = await request<Session>(path, { method: 'POST', body: proof });
    begin(queries, session);
    tabs.postMessage('changed');
    return session;
  };
}

/** Where to go to sign in at the provider. */
export async function readProviderAddress(): Promise<string> {
  return (await request<{ url: string }>('/session/oidc', { method: 'POST' })).url;
}

export function useSignOut(): () => Promise<void> {
  const queries = useQueryClient();
  return async () => {
    await request('/session', { method: 'DELETE' });
    begin(queries, null);
    tabs.postMessage('changed');
  };
}

/** What was read for another session is not shown in this one. */
function begin(queries: QueryClient, session: Session | null | undefined): void {
  queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== KEY[0] });
  if (session === undefined) void queries.invalidateQueries({ queryKey: KEY });
  else queries.setQueryData(KEY, session);
}
