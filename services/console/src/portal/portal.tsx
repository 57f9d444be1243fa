import { RouterProvider } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { carryToken, pathTo, request, signedOut } from '../api/request.ts';
import { Failure, Loading } from '../parts/feedback.tsx';
import { RightsOf, rightsOf } from '../parts/rights.tsx';
import { createPortalRouter } from './portal-routes.tsx';

interface PortalToken {
  readonly token: string;
  readonly tenant_id: string;
  readonly scopes: readonly string[];
  readonly theme: 'system' | 'light' | 'dark';
}

type Standing =
  | { readonly kind: 'opening' | 'over' }
  | { readonly kind: 'refused'; readonly error: unknown }
  | { readonly kind: 'open'; readonly session: PortalToken };

/**
 * What a customer of a tenant sees: the jobs that the session in the address is for. The token that the link's code is
 * worth is kept in memory alone, so that a page that is loaded again needs another link.
 */
export function Portal() {
  const [standing, setStanding] = useState<Standing>({ kind: 'opening' });
  useEffect(() => {
    const end = () => setStanding({ kind: 'over' });
    signedOut.addEventListener('signedout', end);
    void open().then(setStanding);
    return () => signedOut.removeEventListener('signedout', end);
  }, []);
  switch (standing.kind) {
    case 'opening':
      return <Loading />;
    case 'over':
      return (
        <main className="portal">
          <h1>This view has ended</h1>
          <p className="dim">Open it again from the page that led here.</p>
        </main>
      );
    case 'refused':
      return (
        <main className="portal">
          <h1>This view cannot be opened</h1>
          <Failure error={standing.error} />
        </main>
      );
    case 'open':
      return (
        <RightsOf value={rightsOf(standing.session.scopes, true)}>
          <RouterProvider router={createPortalRouter(sessionId(), standing.session.tenant_id)} />
        </RightsOf>
      );
  }
}

async function open(): Promise<Standing> {
  const code = new URLSearchParams(location.hash.slice(1)).get('code');
  if (code === null) return { kind: 'over' };
  // It is good once: it must not stay in the address.
  history.replaceState(null, '', location.pathname);
  try {
    const path = pathTo`/portal/${sessionId()}/token`;
    const session = await request<PortalToken>(path, { method: 'POST', body: { code } });
    carryToken(session.token);
    document.documentElement.dataset.theme = session.theme;
    return { kind: 'open', session };
  } catch (error) {
    return { kind: 'refused', error };
  }
}

function sessionId(): string {
  return location.pathname.split('/')[2] ?? '';
}
